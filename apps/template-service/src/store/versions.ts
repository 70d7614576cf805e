import { notFound } from '@herald/errors';
import { execute, maybe, sql, type Tx } from '@herald/postgres';
import type { Draft } from '../domain/draft';
import type { Entry } from '../page-bounds';

/** A published version as it is stored. It never changes. */
export interface TemplateVersion extends Omit<Draft, 'name'> {
  templateId: string;
  /** From 1 without gaps. */
  version: number;
  /** Without repeats, in the spelling of their first use. */
  slugs: readonly string[];
  contentHash: string;
  publishedAt: Date;
}

const COLUMNS = `template_id as "templateId", version, channel_type as "channelType",
       default_language as "defaultLanguage", texts, slugs, missing_slug_policy as "missingSlugPolicy",
       content_sid as "contentSid", content_hash as "contentHash", published_at as "publishedAt"`;

const findVersionStatement = sql.prepared<TemplateVersion>(
  'template_version_find',
  `select ${COLUMNS} from template_version where org_id = $1 and template_id = $2 and version = $3`,
);

/** One version of a template that is there; throws TEMPLATE_VERSION_NOT_FOUND. */
export async function findVersion(tx: Tx, org: string, templateId: string, version: number): Promise<TemplateVersion> {
  const stored = maybe(await findVersionStatement(tx, [org, templateId, version]));
  if (stored) return stored;
  throw notFound('TEMPLATE_VERSION_NOT_FOUND', 'templateVersion', `${templateId}/${version}`);
}

/** The entries of a page of a template's versions below the one given, newest first; an entry's id is its version. */
export function selectVersionEntries(
  tx: Tx,
  org: string,
  templateId: string,
  { below, limit }: { below: number | null; limit: number },
): Promise<Entry[]> {
  return sql<Entry>(
    tx,
    `select version::text as id, octet_length(texts::text) as bytes
       from template_version
      where org_id = $1 and template_id = $2 and ($3::int is null or version < $3)
      order by version desc
      limit $4`,
    [org, templateId, below, limit],
  );
}

/** These versions of a template, newest first. */
export function selectVersions(
  tx: Tx,
  org: string,
  templateId: string,
  versions: readonly number[],
): Promise<TemplateVersion[]> {
  return sql<TemplateVersion>(
    tx,
    `select ${COLUMNS}
       from template_version
      where org_id = $1 and template_id = $2 and version = any($3::int[])
      order by version desc`,
    [org, templateId, versions],
  );
}

/** Stores a new version; the caller holds the template, which gave it its number. */
export async function insertVersion(tx: Tx, org: string, version: TemplateVersion): Promise<void> {
  await execute(
    tx,
    `insert into template_version
       (org_id, template_id, version, channel_type, default_language, texts, slugs, missing_slug_policy, content_sid,
        content_hash, published_at)
     values ($1, $2, $3, $4, $5, $6::jsonb, $7::text[], $8, $9, $10, $11)`,
    [
      org,
      version.templateId,
      version.version,
      version.channelType,
      version.defaultLanguage,
      JSON.stringify(version.texts),
      version.slugs,
      version.missingSlugPolicy,
      version.contentSid,
      version.contentHash,
      version.publishedAt,
    ],
  );
}
