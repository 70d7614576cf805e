import type { Migration } from '@herald/postgres';

/** Whether an organisation's senders have shards of their own, and what an account may send in all; 0 is no limit. */
export const spreadAndLimits: Migration = {
  name: '0003-spread-and-limits',
  up: `
alter table organization_setting add column spread_senders boolean not null default false;
alter table channel_account
  add column segments_per_second float8 not null default 0 check (segments_per_second >= 0),
  add column messages_per_day int not null default 0 check (messages_per_day >= 0);
`,
};
