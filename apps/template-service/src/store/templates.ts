import { HeraldError, notFound, REASONS } from '@herald/errors';
import { execute, maybe, sql, type Page, type Tx, violatedConstraint } from '@herald/postgres';
import { nameKey, type Draft, type Template } from '../domain/draft';
import type { Entry } from '../page-bounds';

const COLUMNS = `id, name, channel_type as "channelType", default_language as "defaultLanguage", texts,
       missing_slug_policy as "missingSlugPolicy", content_sid as "contentSid", state,
       published_version as "publishedVersion", revision, created_at as "createdAt", updated_at as "updatedAt"`;

const findTemplateStatement = sql.prepared<Template>(
  'template_find',
  `select ${COLUMNS} from template where org_id = $1 and id = $2`,
);

const lockTemplateStatement = sql.prepared<Template>(
  'template_lock',
  `select ${COLUMNS} from template where org_id = $1 and id = $2 for update`,
);

/** The template; throws TEMPLATE_NOT_FOUND, also where it is another organisation's. */
export async function findTemplate(tx: Tx, org: string, id: string): Promise<Template> {
  return found(id, maybe(await findTemplateStatement(tx, [org, id])));
}

/**
 * The template, held against every other change until the transaction ends, so that what is decided about it still
 * holds when it is written. Throws TEMPLATE_NOT_FOUND.
 */
export async function lockTemplate(tx: Tx, org: string, id: string): Promise<Template> {
  return found(id, maybe(await lockTemplateStatement(tx, [org, id])));
}

function found(id: string, template: Template | undefined): Template {
  if (template) return template;
  throw notFound('TEMPLATE_NOT_FOUND', 'template', id);
}

/** The entries of a page of the organisation's templates, newest first, and one more if there is one. */
export function selectTemplateEntries(
  tx: Tx,
  org: string,
  state: Template['state'] | null,
  page: Page,
): Promise<Entry[]> {
  return sql<Entry>(
    tx,
    `select id, octet_length(texts::text) as bytes
       from template
      where org_id = $1 and ($2::text is null or state = $2) and ($3::uuid is null or id < $3)
      order by id desc
      limit $4`,
    [org, state, page.after, page.size + 1],
  );
}

/** The templates with these ids, newest first. */
export function selectTemplates(tx: Tx, org: string, ids: readonly string[]): Promise<Template[]> {
  return sql<Template>(
    tx,
    `select ${COLUMNS} from template where org_id = $1 and id = any($2::uuid[]) order by id desc`,
    [org, ids],
  );
}

/** Stores a new template. Throws TEMPLATE_NAME_TAKEN. */
export async function insertTemplate(tx: Tx, org: string, template: Template): Promise<void> {
  await refusingTaken(() =>
    execute(
      tx,
      `insert into template
         (org_id, id, name, name_key, channel_type, default_language, texts, missing_slug_policy, content_sid,
          state, published_version, revision, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7::jsonb, $8, $9, $10, $11, $12, $13, $14)`,
      [
        ...[org, template.id, template.name, nameKey(template.name), template.channelType, template.defaultLanguage],
        ...[JSON.stringify(template.texts), template.missingSlugPolicy, template.contentSid, template.state],
        ...[template.publishedVersion, template.revision, template.createdAt, template.updatedAt],
      ],
    ),
  );
}

/** Stores another draft and counts the change. The caller holds the template. Throws TEMPLATE_NAME_TAKEN. */
export async function updateDraft(
  tx: Tx,
  org: string,
  { id, revision, updatedAt, ...draft }: Draft & Pick<Template, 'id' | 'revision' | 'updatedAt'>,
): Promise<void> {
  await refusingTaken(() =>
    execute(
      tx,
      `update template
          set name = $3, name_key = $4, default_language = $5, texts = $6::jsonb, missing_slug_policy = $7,
              content_sid = $8, revision = $9, updated_at = $10
        where org_id = $1 and id = $2`,
      [
        ...[org, id, draft.name, nameKey(draft.name), draft.defaultLanguage, JSON.stringify(draft.texts)],
        ...[draft.missingSlugPolicy, draft.contentSid, revision, updatedAt],
      ],
    ),
  );
}

/** Moves a template to another state. The caller holds the template. */
export async function updateState(
  tx: Tx,
  org: string,
  { id, state, publishedVersion, updatedAt }: Template,
): Promise<void> {
  await execute(
    tx,
    'update template set state = $3, published_version = $4, updated_at = $5 where org_id = $1 and id = $2',
    [org, id, state, publishedVersion, updatedAt],
  );
}

/** Runs a write in which the name's index decides between two calls at once; a look before the write could not. */
async function refusingTaken(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (violatedConstraint(error) !== 'template_name_unique') throw error;
    throw new HeraldError('TEMPLATE_NAME_TAKEN', REASONS.TEMPLATE_NAME_TAKEN.text);
  }
}
