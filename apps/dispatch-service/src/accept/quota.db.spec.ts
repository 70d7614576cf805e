import type { HeraldError } from '@herald/errors';
import type { Database } from '@herald/postgres';
import { testDatabase, type TestDatabase, refusal } from '@herald/testing';
import { migrations } from '../migrations';
import { readQuota, admit, spendQuota } from './quota';

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
  const atMinute = (minute: number) => at(`00:00+00'' + interval ''1 minute'' * ${minute}`);
  const at = (time: string) =>
    test.asOwner(`create or replace function ledger_now() returns timestamptz language sql volatile
                    as 'select timestamptz ''2026-11-24 ${time}'`);

  const spendOne = (org = ORG, limit = LIMIT) => database.transaction(org, (tx) => spendQuota(tx, org, limit));

  /** Spends so many at the clock's present, as so many requests would, in one transaction. */
  const spendMany = (count: number, limit = LIMIT) =>
    database.transaction(ORG, async (tx) => {
      for (let spent = 0; spent < count; spent += 1) await spendQuota(tx, ORG, limit);
    });

  const used = (org = ORG) => database.read(org, async (tx) => (await readQuota(tx, org, LIMIT)).used);

  beforeEach(async () => {
    await test.asOwner('truncate quota_head, quota_entry');
    await atMinute(0);
  });

  it('P11: of 15,000 and 20,000 requests two minutes apart accepts 30,000, where a bucket of the hour would take all', async () => {
    await atMinute(59);
    await spendMany(15_000);
    await atMinute(61);
    await spendMany(14_999);
    await spendOne();
    for (let over = 0; over < 20; over += 1) {
      const error = await refusal(spendOne());
      expect(error.reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
      expect(error.detail.retryAfterMs).toBe(58 * 60_000);
    }
    expect(await used()).toBe(LIMIT);
    await atMinute(119);
    await spendOne();
  }, 60_000);

  it('P11: is exact to the microsecond', async () => {
    await at(`00:00:00.000900+00''`);
    await spendOne(ORG, 1);
    await at(`01:00:00.000899+00''`);
    expect((await refusal(spendOne(ORG, 1))).reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
    await at(`01:00:00.000900+00''`);
    await spendOne(ORG, 1);
  });

  it('P11: is exact when many spend at once', async () => {
    // Some wait too long for a connection on a busy machine; they have spent nothing, and come again.
    const patiently = async (): Promise<void> => {
      const [outcome] = await Promise.allSettled([spendOne(ORG, 25)]);
      if (outcome.status === 'fulfilled') return;
      if ((outcome.reason as HeraldError).reason !== 'DATABASE_BUSY') throw outcome.reason;
      return patiently();
    };
    const outcomes = await Promise.allSettled(Array.from({ length: 40 }, patiently));
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(25);
    expect(await used()).toBe(25);
  });

  it('refuses cheaply, without a lock, what would be refused', async () => {
    await spendMany(10);
    await database.read(ORG, (tx) => admit(tx, ORG, 11));
    await refusal(database.read(ORG, (tx) => admit(tx, ORG, 10)));
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
    await spendMany(10, 10);
    await refusal(spendOne(ORG, 10));
    await spendOne(OTHER_ORG, 10);
    expect(await used(OTHER_ORG)).toBe(1);
  });

  it('does not let a clock that is set back open the hour again', async () => {
    await atMinute(100);
    await spendMany(10, 10);
    await atMinute(30);
    expect((await refusal(spendOne(ORG, 10))).reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
  });

  it('obeys a limit that was lowered at once', async () => {
    await spendMany(20);
    expect((await refusal(spendOne(ORG, 10))).reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
  });
});
