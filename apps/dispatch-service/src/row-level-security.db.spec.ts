import { execute, sql } from '@herald/postgres';
import { newId } from '@herald/service';
import { rowLevelSecurityFaults } from '@herald/testing';
import { ORG, OTHER_ORG, testLedger, type TestLedger } from '../test/ledger';

/** Work tables: leases and breakers belong to shards, and the outbox holds what is to be published, of all organisations alike. */
const WORK_TABLES = ['breaker', 'lease', 'outbox'];

describe('the schema of the ledger', () => {
  let ledger: TestLedger;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());

  const requests = (org: string) =>
    ledger.database.read(org, (tx) => sql<{ id: string }>(tx, 'select id from outbound_request order by id'));

  const expectNoRight = async (text: string) => {
    await expect(ledger.database.transaction(ORG, (tx) => sql(tx, text))).rejects.toThrow(/permission denied/);
    await expect(ledger.database.worker((tx) => sql(tx, text))).rejects.toThrow(/permission denied/);
  };

  it('S2: forces row-level security on every table of organisations', async () => {
    expect(await rowLevelSecurityFaults(ledger, 'dispatch', { workTables: WORK_TABLES })).toEqual([]);
  });

  it('S2: shows an organisation its own rows alone, in the view of states too', async () => {
    const [org, other] = [newId(), newId()];
    const [mine, theirs] = [await ledger.accept({ org }), await ledger.accept({ org: other })];
    expect(await requests(org)).toEqual([{ id: mine.id }]);
    expect(await requests(other)).toEqual([{ id: theirs.id }]);
    const states = await ledger.database.read(org, (tx) =>
      sql<{ id: string }>(tx, 'select id from message_state order by id'),
    );
    expect(states.map(({ id }) => id)).toEqual(mine.messageIds);
  });

  it('S2: changes no row of another organisation, whatever the statement says', async () => {
    const request = await ledger.accept({ org: ORG });
    const changed = await ledger.database.transaction(OTHER_ORG, (tx) =>
      execute(tx, 'update batch set cancelled_at = clock_timestamp() where org_id = $1', [ORG]),
    );
    expect(changed).toBe(0);
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
    const foreign = ledger.database.transaction(OTHER_ORG, (tx) =>
      execute(tx, 'insert into quota_head (org_id, seq, last_at) values ($1, 1, now())', [ORG]),
    );
    await expect(foreign).rejects.toThrow(/row-level security/);
  });

  it('S2: raises where no organisation is set, rather than showing all rows', async () => {
    const rows = ledger.database.withoutOrg((tx) => sql(tx, 'select id from message'));
    await expect(rows).rejects.toThrow(/no organisation is set/);
  });

  it('S2: lets nobody read a partition past the policy of its table', async () => {
    const partitions = await ledger.asOwner<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits
        where inhparent in ('message'::regclass, 'message_body'::regclass, 'message_step'::regclass)`,
    );
    expect(partitions).toHaveLength(9);
    for (const { name } of partitions) await expectNoRight(`select 1 from ${name}`);
  });

  it.each([
    ['take away what was accepted', 'delete from message'],
    ['rewrite history', `update message_step set evidence = ''`],
    ['take away a request', 'delete from outbound_request'],
    ['read texts and addresses of all and change them', `update message_body set body = ''`],
    ['give back spent quota', 'update quota_head set seq = 0'],
  ])('S2: gives the worker no right to %s', async (_what, text) => {
    await expect(ledger.database.worker((tx) => sql(tx, text))).rejects.toThrow(/permission denied/);
  });

  it('S2: gives the application no right to leases, and none to read what is published', async () => {
    for (const text of ['select shard from lease', 'select id from outbox', 'delete from message']) {
      await expect(ledger.database.transaction(ORG, (tx) => sql(tx, text))).rejects.toThrow(/permission denied/);
    }
  });
});
