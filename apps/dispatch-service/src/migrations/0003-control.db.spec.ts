import { migrate } from '@herald/postgres';
import { newId } from '@herald/service';
import { testDatabase, type TestDatabase } from '@herald/testing';
import { migrations } from '.';

const BEFORE = migrations.slice(
  0,
  migrations.findIndex(({ name }) => name === '0003-control'),
);

describe('0003-control', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await testDatabase({ service: 'dispatch', migrations: BEFORE });
  });
  afterAll(() => test.close());

  it('tells open batches, and those on their way, of their request and configuration', async () => {
    const [org, request, configuration] = [newId(), newId(), newId()];
    await test.asOwner(
      `insert into outbound_request (org_id, id, request_id, caller, configuration_id, template_id, template_version, channel_id,
                                     channel_account_id, channel_type, show_in_timeline, delivery_guarantee, purpose, contacts,
                                     refused, refused_by_reason, created_at, expires_at)
       values ($1, $2, '1', 'spec', $3, $1, 1, $1, $1, 'SMS', false, 'AT_MOST_ONCE', 'TRANSACTIONAL', 3, 0, '{}', now(), now())`,
      [org, request, configuration],
    );
    const [waiting, onTheirWay, sent] = [newId(), newId(), newId()];
    for (const [batch, claimedTo] of [
      [waiting, 0],
      [onTheirWay, 1],
      [sent, 1],
    ] as const) {
      await test.asOwner(
        `with m as (
           insert into message (org_id, id, outbound_request_id, contact_index, batch_id, position, created_at, updated_at)
           values ($1, $2, $3, 0, $4, 1, now(), now()))
         insert into batch (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at, expires_at,
                            size, claimed_to, first_id, last_id, created_at)
         values ($1, $4, 0, $1, $1, 0, 'AT_MOST_ONCE', now(), now(), 1, $5, $2, $2, now())`,
        [org, newId(), request, batch, claimedTo],
      );
    }
    await test.asOwner(
      `insert into slice (shard, org_id, batch_id, lo, hi, epoch, claimed_at, send_before)
       values (0, $1, $2, 1, 1, 1, now(), now())`,
      [org, onTheirWay],
    );
    await migrate({ adminUrl: test.url, service: 'dispatch', migrations });
    const rows = await test.asOwner<{ id: string; request: string | null; configuration: string }>(
      'select id, outbound_request_id as request, configuration_id as configuration from batch order by id',
    );
    expect(rows).toEqual([
      { id: waiting, request, configuration },
      { id: onTheirWay, request, configuration },
      { id: sent, request: null, configuration: '00000000-0000-0000-0000-000000000000' },
    ]);
  });
});
