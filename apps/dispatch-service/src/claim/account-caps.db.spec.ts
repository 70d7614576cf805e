import { newId } from '@herald/service';
import { single, sql } from '@herald/postgres';
import { eventually } from '@herald/testing';
import { startInstance, usable } from '../../test/instance';
import { claimOf, deps, ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { checkLedger } from '../reports/check-ledger';
import type { AccountCaps } from './account-caps';
import { claim, type ClaimRequest } from './claim';

const DAY_MINUTES = 24 * 60;
const WEEK_MS = 7 * 24 * 3_600_000;

describe('limits of an account', () => {
  let ledger: TestLedger;
  let epoch: string;
  let account: string;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    await setClock(0);
    epoch = await ledger.lease();
    account = newId();
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
  });

  /** Sets the ledger's clock of this spec's own database so many minutes ahead. */
  const setClock = (minutes: number) =>
    ledger.asOwner(`create or replace function ledger_now() returns timestamptz language sql volatile
                      as 'select clock_timestamp() + interval ''${minutes} minutes'''`);
  const caps = (limits: Partial<AccountCaps>): AccountCaps => ({
    ...{ channelAccountId: account, segmentsPerSecond: 0, messagesPerDay: 0 },
    ...limits,
  });

  /** Batches of one sender of the account. */
  const given = async (messages: number, segments = 1) => {
    const channelId = newId();
    const requests: StoredRequest[] = [];
    for (let left = messages; left > 0; left -= 100) {
      const choice = { channelId, channelAccountId: account, messages: Math.min(left, 100) };
      requests.push(await ledger.accept({ ...choice, segments, validForMs: WEEK_MS }));
    }
    return requests;
  };

  /** Claims for a sender; `atMs` is when the claim began, by the database's clock. */
  const ask = (requests: readonly StoredRequest[], changes: Partial<ClaimRequest>) =>
    ledger.database.worker(async (tx) => {
      const [first] = requests;
      if (!first) throw new Error('a claim is of one batch at least');
      const { atMs } = single(
        await sql<{ atMs: number }>(tx, 'select extract(epoch from now())::float8 * 1000 as "atMs"'),
      );
      const batchIds = requests.map(({ batchId }) => batchId);
      const claimed = await claim(tx, deps, claimOf(first, epoch, { batchIds, ...changes }));
      if (claimed.kind === 'lost') throw new Error('the lease is lost');
      return { ...claimed, atMs, messages: claimed.slices.flatMap(({ messages }) => messages) };
    });

  /** The most that comes within so many milliseconds. */
  const mostIn = (windowMs: number, sends: readonly { atMs: number; segments: number }[]) => {
    const sorted = [...sends].sort((a, b) => a.atMs - b.atMs);
    return Math.max(
      ...sorted.map(({ atMs }, from) => {
        const within = sorted.slice(from).filter((send) => send.atMs < atMs + windowMs);
        return within.reduce((sum, { segments }) => sum + segments, 0);
      }),
    );
  };

  it.each([
    { account: 50, senders: [40, 40], segments: 1 },
    { account: 50, senders: [100, 10], segments: 1 },
    { account: 60, senders: [60, 60, 1], segments: 3 },
    { account: 5, senders: [1, 10], segments: 2 },
  ])('P13: one pace holds for all senders that claim at the same time: %j', async (paces) => {
    const { segments } = paces;
    const limits = { caps: caps({ segmentsPerSecond: paces.account }) };
    const total = paces.account * 12;
    const senders = await Promise.all(
      paces.senders.map(async (segmentsPerSecond) => ({
        segmentsPerSecond,
        requests: await given(total / segments, segments),
        sends: [] as { atMs: number; segments: number }[],
      })),
    );
    let passedMs = 0;
    const claimFor = async (sender: (typeof senders)[number]) => {
      const { segmentsPerSecond, sends } = sender;
      const { atMs, slices, gone, nextInMs } = await ask(sender.requests, { ...limits, segmentsPerSecond });
      sender.requests = sender.requests.filter(({ batchId }) => !gone.includes(batchId));
      for (const { startsInMs, messages } of slices) {
        messages.forEach((message, index) => {
          const inSliceMs = (index * segments * 1000) / segmentsPerSecond;
          sends.push({ atMs: passedMs + atMs + startsInMs + inSliceMs, segments: message.segments });
        });
      }
      return nextInMs;
    };
    const all = () => senders.flatMap(({ sends }) => sends);
    while (all().length * segments < total) {
      const waits = await Promise.all(senders.map(claimFor));
      const passMs = Math.min(...waits);
      passedMs += passMs;
      for (const table of ['sender', 'account_pace']) {
        await ledger.asOwner(`update ${table} set paid_until = paid_until - make_interval(secs => ${passMs / 1000})`);
      }
    }
    expect(mostIn(1_000, all())).toBeLessThanOrEqual(1.1 * paces.account + segments);
    expect(mostIn(10_000, all())).toBeLessThanOrEqual(1.1 * 10 * paces.account + segments);
    for (const { sends, segmentsPerSecond } of senders) {
      expect(mostIn(10_000, sends)).toBeLessThanOrEqual(1.1 * 10 * segmentsPerSecond + segments);
    }
  });

  it('P13: gives its senders their turns one after the other, and is not asked again before there is one', async () => {
    const limits = { caps: caps({ segmentsPerSecond: 1 }), segmentsPerSecond: 10 };
    const senders = [await given(1, 2), await given(1, 2), await given(1, 2)] as const;
    const [first, second, third] = [
      await ask(senders[0], limits),
      await ask(senders[1], limits),
      await ask(senders[2], limits),
    ];
    const startOf = ({ atMs, slices }: typeof first) => atMs + (slices[0]?.startsInMs ?? NaN);
    expect(startOf(second)).toBeGreaterThanOrEqual(startOf(first) + 2_000);
    expect(second.slices[0]?.startsInMs).toBeLessThanOrEqual(2_000);
    expect(third.slices).toEqual([]);
    expect(third.nextInMs).toBeGreaterThanOrEqual(1_000);
  });

  it('P13: never claims more than it may send in a day, though its senders ask at the same time, and says when to come again', async () => {
    const limits = { caps: caps({ messagesPerDay: 25 }), segmentsPerSecond: 10_000, messagesMax: 10 };
    const senders = [await given(100), await given(100)];
    const answers = await Promise.all([...senders, ...senders, ...senders].map((sender) => ask(sender, limits)));
    expect(answers.flatMap(({ messages }) => messages)).toHaveLength(25);
    const refused = await ask(await given(1), limits);
    expect(refused.slices).toEqual([]);
    expect(refused.nextInMs).toBeGreaterThan(24 * 3_600_000);
    expect(refused.nextInMs).toBeLessThanOrEqual(25 * 3_600_000 + 60_000);
    const raised = { ...limits, caps: caps({ messagesPerDay: 26 }) };
    expect((await ask(await given(2), raised)).messages).toHaveLength(1);
    await setClock(Math.ceil(refused.nextInMs / 60_000));
    expect((await ask(await given(2), limits)).messages).toHaveLength(2);
  });

  it('P13: never sends more in any 24 hours, over days, however often it asks', async () => {
    const messagesPerDay = 100;
    const limits = { caps: caps({ messagesPerDay }), segmentsPerSecond: 10_000, messagesMax: 9 };
    const senders = [await given(400), await given(400)];
    const sent: { minute: number; messages: number }[] = [];
    let minute = 0;
    while (minute < 4 * DAY_MINUTES) {
      await setClock(minute);
      const answers = await Promise.all(senders.map((sender) => ask(sender, limits)));
      sent.push({ minute, messages: answers.flatMap(({ messages }) => messages).length });
      minute += 23;
    }
    for (const { minute: from } of sent) {
      const within = sent.filter((one) => one.minute >= from && one.minute < from + DAY_MINUTES);
      expect(within.reduce((sum, { messages }) => sum + messages, 0)).toBeLessThanOrEqual(messagesPerDay);
    }
    expect(sent.reduce((sum, { messages }) => sum + messages, 0)).toBeGreaterThan(3 * messagesPerDay);
  });

  it('P13: holds for all lanes of an instance, and leaves the rest queued', async () => {
    const of = { channelAccountId: account, messages: 10, validForMs: WEEK_MS };
    const requests = [await ledger.accept(of), await ledger.accept(of)];
    await ledger.asOwner('truncate lease');
    const limited = usable({ caps: caps({ messagesPerDay: 12 }) });
    const instance = await startInstance(ledger, { senders: { find: async () => limited } });
    try {
      const states = async () => (await Promise.all(requests.map((request) => ledger.states(request)))).flat().sort();
      const expected = [...Array<string>(8).fill('QUEUED'), ...Array<string>(12).fill('SENT')];
      await eventually(async () => expect(await states()).toEqual(expected));
    } finally {
      await instance.stop();
    }
    expect(instance.provider.received).toHaveLength(12);
    expect(instance.errors).toEqual([]);
  });

  it('touches no account without limits', async () => {
    const request = await ledger.accept();
    await ledger.claim(request, epoch);
    expect(await ledger.asOwner('select 1 from account_pace')).toEqual([]);
    expect(await ledger.asOwner('select 1 from account_hour')).toEqual([]);
  });
});
