import { HeraldError } from '@herald/errors';
import { execute, single, sql, type Database } from '@herald/postgres';
import { testDatabase, type TestDatabase } from '@herald/testing';
import { migrations } from '../migrations';
import { readQuota, refuseWhenExhausted, spendQuota } from './quota';

const LIMIT = 30_000;
const ORG = '0190a000-0000-7000-8000-000000000001';
const OTHER_ORG = '0190a000-0000-7000-8000-000000000002';

describe('quota', () => {
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await testDatabase({ service: 'dispatch', migrations });
    database = test.database;
  });
  afterAll(() => test.close());

  /** Sets the ledger's clock of this spec's own database to a minute of a virtual day. */
  const atMinute = (minute: number) =>
    test.asOwner(`create or replace function ledger_now() returns timestamptz language sql volatile
                    as 'select timestamptz ''2026-11-24 00:00+00'' + interval ''1 minute'' * ${minute}'`);

  const spendOne = (org = ORG, limit = LIMIT) => database.transaction(org, (tx) => spendQuota(tx, org, limit));

  /** Writes what `count` accepted requests at the clock's present would have left, by the statements' own rules. */
  const spendMany = (count: number, org = ORG) =>
    database.transaction(org, async (tx) => {
      const { seq } = single(
        await sql<{ seq: number }>(
          tx,
          `insert into quota_head as head (org_id, seq, last_at) values ($1, $2, ledger_now())
           on conflict (org_id) do update set seq = head.seq + $2, last_at = ledger_now() returning seq::int`,
          [org, count],
        ),
      );
      await execute(
        tx,
        'insert into quota_entry (org_id, seq, accepted_at) select $1, generate_series($2::bigint - $3 + 1, $2::bigint), ledger_now()',
        [org, seq, count],
      );
    });

  const used = (org = ORG) => database.read(org, async (tx) => (await readQuota(tx, org, LIMIT)).used);

  const refusal = async (call: Promise<unknown>): Promise<HeraldError> => {
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof HeraldError)) throw new Error('expected the quota to refuse', { cause: error });
    return error;
  };

  beforeEach(async () => {
    await test.asOwner('truncate quota_head, quota_entry');
    await atMinute(0);
  });

  it('P11: counts a rolling hour, where a fixed bucket would let 35,000 requests through in two minutes', async () => {
    await atMinute(59);
    await spendMany(15_000);
    await atMinute(61);
    await spendMany(15_000);
    const error = await refusal(spendOne());
    expect(error.reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
    expect(error.detail.retryAfterMs).toBe(58 * 60_000);
    expect(await used()).toBe(30_000);
    await atMinute(119);
    await spendOne();
  });

  it('P11: accepts the 30,000th request and refuses the 30,001st', async () => {
    await spendMany(29_999);
    await spendOne();
    expect((await refusal(spendOne())).reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
    expect(await used()).toBe(30_000);
  });

  it('is exact when many spend at once', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, () => spendOne(ORG, 25)));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(25);
    expect(await used()).toBe(25);
  });

  it('refuses cheaply, without a lock, what would be refused', async () => {
    await spendMany(10);
    await database.read(ORG, (tx) => refuseWhenExhausted(tx, ORG, 11));
    await refusal(database.read(ORG, (tx) => refuseWhenExhausted(tx, ORG, 10)));
  });

  it('gives a number back when the transaction is rolled back', async () => {
    const failing = database.transaction(ORG, async (tx) => {
      await spendQuota(tx, ORG, LIMIT);
      throw new Error('later in the transaction');
    });
    await expect(failing).rejects.toThrow('later in the transaction');
    expect(await used()).toBe(0);
  });

  it('never lets one organisation spend from another', async () => {
    await spendMany(30_000);
    await spendOne(OTHER_ORG);
    expect(await used(OTHER_ORG)).toBe(1);
  });

  it('does not let a clock that is set back open the hour again', async () => {
    await atMinute(100);
    await spendMany(30_000);
    await atMinute(30);
    expect((await refusal(spendOne())).reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
  });

  it('obeys a limit that was lowered at once', async () => {
    await spendMany(20);
    expect((await refusal(spendOne(ORG, 10))).reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
  });
});
