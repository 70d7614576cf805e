import { workTable, type Migration } from '@herald/postgres';

/** Which accounts and senders are left alone, for whoever asks any replica; the truth is in the memory of the owner. */
export const breakers: Migration = {
  name: '0005-breakers',
  up: `
-- Without channel_id it is the whole account. A row counts while epoch is that of the shard's lease: what an earlier
-- owner found is not known to be so any more.
create table breaker (
  org_id uuid not null,
  channel_account_id uuid not null,
  channel_id uuid,
  shard smallint not null,
  epoch bigint not null,
  opened_at timestamptz not null,
  reason text not null,
  probe_at timestamptz not null,
  unique nulls not distinct (org_id, channel_account_id, channel_id)
);
${workTable('breaker', { worker: 'select, insert, update, delete' })}
`,
};
