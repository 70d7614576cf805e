import { ORG, testLedger, type TestLedger } from '../../test/ledger';
import { keepHouse } from './housekeeping';

describe('keepHouse', () => {
  let ledger: TestLedger;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());

  it('forgets quota entries after two hours and request ids after thirty days, and nothing before', async () => {
    await ledger.asOwner(
      `insert into quota_entry (org_id, seq, accepted_at)
       values ($1, 1, now() - interval '121 minutes'), ($1, 2, now() - interval '119 minutes')`,
      [ORG],
    );
    await ledger.asOwner(
      `insert into idempotency (org_id, caller, rpc, request_id, request_hash, response, created_at)
       values ($1, 'c', 'r', 'old', '', '', now() - interval '30 days 1 minute'),
              ($1, 'c', 'r', 'young', '', '', now() - interval '29 days 23 hours')`,
      [ORG],
    );
    await keepHouse(ledger.database);
    expect(await ledger.asOwner('select seq::int from quota_entry')).toEqual([{ seq: 2 }]);
    expect(await ledger.asOwner('select request_id as id from idempotency')).toEqual([{ id: 'young' }]);
  });

  it('forgets the hours of an account when they count no more, and not before', async () => {
    await ledger.asOwner(
      `insert into account_hour (org_id, channel_account_id, hour, messages)
       select $1, $1, date_trunc('hour', now(), 'UTC') - make_interval(hours => hours), 1
         from generate_series(24, 28) as hours`,
      [ORG],
    );
    await keepHouse(ledger.database);
    const left = await ledger.asOwner(
      `select extract(epoch from date_trunc('hour', now(), 'UTC') - hour)::int / 3600 as hours from account_hour order by hour`,
    );
    expect(left).toEqual([{ hours: 25 }, { hours: 24 }]);
  });

  it('removes all that is past its time, however much came in since it last did', async () => {
    await ledger.asOwner(
      `insert into quota_entry (org_id, seq, accepted_at)
       select $1, 1000 + n, now() - interval '3 hours' from generate_series(1, 12000) as n`,
      [ORG],
    );
    await keepHouse(ledger.database);
    expect(await ledger.asOwner('select seq from quota_entry where seq > 1000')).toEqual([]);
  });

  it('makes the partitions of the months to come, as the worker, and again does no harm', async () => {
    await ledger.asOwner(
      `do $$
       declare name text := 'message' || to_char(now() at time zone 'UTC' + interval '2 months', '_YYYY_MM');
       begin execute format('drop table %I', name); end $$`,
    );
    await keepHouse(ledger.database);
    await keepHouse(ledger.database);
    const [months] = await ledger.asOwner(
      `select count(*)::int as partitions from pg_inherits where inhparent = 'message'::regclass`,
    );
    expect(months).toEqual({ partitions: 3 });
  });
});
