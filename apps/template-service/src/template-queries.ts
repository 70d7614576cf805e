import type { ListTemplatesResponse } from '@herald/contracts/template';
import { cutPage, readPage } from '@herald/postgres';
import type { TemplateDeps } from './deps';
import type { Template } from './domain/draft';
import { lightened, PAGE_SIZES } from './page-bounds';
import { writeTemplate } from './responses';
import { findTemplate, selectTemplateEntries, selectTemplates } from './store/templates';

/** A template with its draft. Throws TEMPLATE_NOT_FOUND. */
export function getTemplate({ database }: TemplateDeps, org: string, templateId: string): Promise<Template> {
  return database.read(org, (tx) => findTemplate(tx, org, templateId));
}

/** A page of the organisation's templates, newest first, narrowed to a state if one is given. */
export function listTemplates(
  { database }: TemplateDeps,
  org: string,
  request: { state: Template['state'] | null; pageSize: number; pageToken: string },
): Promise<ListTemplatesResponse> {
  const page = readPage(request, PAGE_SIZES);
  return database.read(org, async (tx) => {
    const entries = await selectTemplateEntries(tx, org, request.state, page);
    const { rows, nextPageToken } = cutPage(entries, lightened(page, entries));
    const templates = await selectTemplates(
      tx,
      org,
      rows.map(({ id }) => id),
    );
    return { templates: templates.map(writeTemplate), nextPageToken };
  });
}
