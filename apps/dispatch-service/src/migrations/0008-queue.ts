import type { Migration } from '@herald/postgres';

/**
 * Indexes of what is open, so that looking for work costs as much as there are senders with work, and not as much as
 * there is work: one leads to each sender's next batches, by configuration so
 * that a hold on one hides no other, the other to what is overdue.
 */
export const queue: Migration = {
  name: '0008-queue',
  up: `
drop index batch_open;
create index batch_lane on batch (shard, org_id, channel_id, priority, configuration_id, ready_at, id)
 where claimed_to < size and cancelled_at is null;
create index batch_expiry on batch (shard, expires_at) where claimed_to < size and cancelled_at is null;
`,
};
