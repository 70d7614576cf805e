import type { Migration } from '@herald/postgres';

/** Finds a stream by the id that its requests move it on by; without it each of them read all streams of the month. */
export const streamIds: Migration = {
  name: '0011-stream-ids',
  up: 'create unique index outbound_stream_by_id on outbound_stream (org_id, id);',
};
