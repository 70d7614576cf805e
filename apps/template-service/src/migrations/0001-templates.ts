import { idempotencyTable, orgFunction, outboxTable, tenantTable, type Migration } from '@herald/postgres';

/**
 * Templates with their drafts, and the versions that were published.
 *
 * A draft is one row, because it is read and written whole. A version is another and never changes: the application's
 * role may insert and read versions and nothing else.
 */
export const templates: Migration = {
  name: '0001-templates',
  up: `
${orgFunction}

${idempotencyTable}

-- name_key is the name folded for comparison. Its unique index holds the organisation, so that a taken name says
-- nothing about other organisations. texts is [{"language", "text"}] in the author's order.
create table template (
  org_id uuid not null,
  id uuid not null,
  name text not null,
  name_key text not null,
  channel_type text not null check (channel_type in ('SMS', 'WHATSAPP', 'X_DIRECT_MESSAGE')),
  default_language text not null,
  texts jsonb not null,
  missing_slug_policy text not null check (missing_slug_policy in ('STRICT', 'EMPTY')),
  content_sid text not null,
  state text not null check (state in ('DRAFT', 'PUBLISHED', 'ARCHIVED')),
  published_version int not null check (published_version >= 0),
  revision int not null check (revision > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (org_id, id),
  constraint template_name_unique unique (org_id, name_key),
  check (state = 'ARCHIVED' or (state = 'PUBLISHED') = (published_version > 0))
);
${tenantTable('template')}

create table template_version (
  org_id uuid not null,
  template_id uuid not null,
  version int not null check (version > 0),
  channel_type text not null,
  default_language text not null,
  texts jsonb not null,
  slugs text[] not null,
  missing_slug_policy text not null,
  content_sid text not null,
  content_hash text not null,
  published_at timestamptz not null,
  primary key (org_id, template_id, version),
  foreign key (org_id, template_id) references template (org_id, id)
);
-- Sends pin a version and render from it, so not even a fault of ours may change one.
${tenantTable('template_version', { app: 'select, insert' })}

${outboxTable}
`,
};
