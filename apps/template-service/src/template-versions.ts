import type { GetTemplateVersionResponse, ListTemplateVersionsResponse } from '@herald/contracts/template';
import { HeraldError, REASONS } from '@herald/errors';
import { cutPage, readPage, type Tx } from '@herald/postgres';
import type { TemplateDeps } from './deps';
import type { Template } from './domain/draft';
import { lightened, PAGE_SIZES } from './page-bounds';
import { wrongState } from './refusals';
import { writeVersion } from './responses';
import { findTemplate } from './store/templates';
import { findVersion, selectVersionEntries, selectVersions, type TemplateVersion } from './store/versions';

/** One version, 0 for the newest, and whether its template is archived. Throws TEMPLATE_NOT_PUBLISHED if there is none. */
export function getTemplateVersion(
  { database }: TemplateDeps,
  org: string,
  { templateId, version }: { templateId: string; version: number },
): Promise<GetTemplateVersionResponse> {
  return database.read(org, async (tx) => {
    const template = await findTemplate(tx, org, templateId);
    const found = await versionOf(tx, org, template, version);
    return { version: writeVersion(found), archived: template.state === 'ARCHIVED' };
  });
}

async function versionOf(tx: Tx, org: string, template: Template, version: number): Promise<TemplateVersion> {
  if (version > 0) return findVersion(tx, org, template.id, version);
  if (template.publishedVersion > 0) return findVersion(tx, org, template.id, template.publishedVersion);
  throw wrongState('TEMPLATE_NOT_PUBLISHED', template.id);
}

/** A page of a template's versions, newest first. */
export function listTemplateVersions(
  { database }: TemplateDeps,
  org: string,
  request: { templateId: string; pageSize: number; pageToken: string },
): Promise<ListTemplateVersionsResponse> {
  const page = readPage({ pageSize: request.pageSize, pageToken: '' }, PAGE_SIZES);
  const below = readVersionToken(request.pageToken);
  return database.read(org, async (tx) => {
    const { id } = await findTemplate(tx, org, request.templateId);
    const entries = await selectVersionEntries(tx, org, id, { below, limit: page.size + 1 });
    const { rows, nextPageToken } = cutPage(entries, lightened(page, entries));
    const versions = await selectVersions(
      tx,
      org,
      id,
      rows.map((row) => Number(row.id)),
    );
    return { versions: versions.map(writeVersion), nextPageToken };
  });
}

const INT32_MAX = 2 ** 31 - 1;

/** The version that the page before ended with; null for the first page. */
function readVersionToken(token: string): number | null {
  if (token === '') return null;
  const text = Buffer.from(token, 'base64url').toString('utf8');
  const version = /^[1-9][0-9]{0,9}$/.test(text) ? Number(text) : Infinity;
  if (version <= INT32_MAX) return version;
  throw new HeraldError('PAGE_TOKEN_INVALID', REASONS.PAGE_TOKEN_INVALID.text, {
    violations: [
      { field: 'page_token', reason: 'FIELD_MALFORMED', description: 'must be the next_page_token of the page before' },
    ],
  });
}
