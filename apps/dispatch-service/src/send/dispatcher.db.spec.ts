import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { acceptAll, ProviderThatCounts, instancesOf, usable } from '../../test/instance';
import { SHARD, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { LANE_BATCHES_MAX } from '../lanes/lanes';

const SLOW = '+14255550199';
const SLOW_ACCOUNT = '0190a000-0000-7000-8000-0000000000ac';

describe('startDispatcher', () => {
  let ledger: TestLedger;
  const { start } = instancesOf(() => ledger);

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    await ledger.asOwner('truncate lease');
  });

  const announcementOf = ({ org, batchId, channelId }: StoredRequest, readyInMs = 0) => ({
    ...{ org, id: batchId, channelId, priority: 0, shard: SHARD, readyInMs, traceparent: undefined },
  });
  const becomes = (request: StoredRequest, state: string) =>
    eventually(async () => expect(new Set(await ledger.states(request))).toEqual(new Set([state])));

  it('sends what is announced, and what nobody announced, each message once', async () => {
    const { dispatcher, provider } = await start();
    const unannounced = await ledger.accept({ messages: 120 });
    const announced = await ledger.accept({ messages: 30 });
    dispatcher.announce(announcementOf(announced));
    await becomes(announced, 'SENT');
    await becomes(unannounced, 'SENT');
    expect([...provider.receipts().values()].every((receipts) => receipts === 1)).toBe(true);
    expect(provider.receipts().size).toBe(150);
  });

  it('P3 P20: hands a shard over in the middle of a batch: no message is sent twice, none is unknown', async () => {
    const sentByOne = new ProviderThatCounts();
    const slow = { find: async () => usable({ segmentsPerSecond: 50 }) };
    const one = await start({ name: 'one', provider: sentByOne, senders: slow });
    const request = await ledger.accept({ messages: 200 });
    await eventually(() => expect(sentByOne.received.length).toBeGreaterThan(0));
    const two = await start({ name: 'two', senders: slow });
    one.leases.want([]);
    await becomes(request, 'SENT');
    const receipts = [...sentByOne.receipts(), ...two.provider.receipts()];
    expect(receipts).toHaveLength(200);
    expect(new Set(receipts.map(([id]) => id)).size).toBe(200);
    expect(receipts.every(([, count]) => count === 1)).toBe(true);
    expect(two.provider.received.length).toBeGreaterThan(0);
  });

  it('sends more batches of a sender than it holds in memory, the earliest first, without waiting for a sweep', async () => {
    const begin = Date.now() - 60_000;
    const first = await ledger.accept({ messages: 1, readyAt: new Date(begin) });
    const { channelId } = first;
    const rest: StoredRequest[] = [];
    for (let batch = 1; batch < LANE_BATCHES_MAX + 50; batch += 1) {
      rest.push(await ledger.accept({ messages: 1, channelId, readyAt: new Date(begin + batch) }));
    }
    const { provider } = await start();
    await eventually(() => expect(provider.received).toHaveLength(LANE_BATCHES_MAX + 50), 10_000);
    const sent = [...provider.receipts().keys()];
    // Claims of fifty batches follow one another; within them requests are under way at once.
    for (const [place, { messageIds }] of rest.entries()) {
      expect(Math.abs(sent.indexOf(messageIds[0] ?? '') - place)).toBeLessThan(100);
    }
  });

  it('gives what is for later no place before its time, so that it keeps out nothing that is ready', async () => {
    const { dispatcher } = await start();
    const ready = await ledger.accept();
    for (let later = 0; later < LANE_BATCHES_MAX; later += 1) {
      dispatcher.announce({ ...announcementOf(ready, 24 * 3_600_000), id: newId() });
    }
    dispatcher.announce(announcementOf(ready));
    await becomes(ready, 'SENT');
  });

  it('P14: ends what waited longer than it is valid, though its sender cannot be used', async () => {
    const { provider } = await start({
      senders: { find: async () => ({ kind: 'unusable', why: 'CHANNEL_DISABLED' }) },
    });
    const request = await ledger.accept({ validForMs: 100 });
    await becomes(request, 'EXPIRED');
    expect(provider.received).toEqual([]);
  });

  it('a batch that cannot be claimed holds nothing up that comes after it', async () => {
    const broken = await ledger.accept({ readyAt: new Date(Date.now() - 1_000) });
    await ledger.asOwner('delete from message where batch_id = $1', [broken.batchId]);
    const behind = await ledger.accept({ channelId: broken.channelId });
    const { errors } = await start();
    await becomes(behind, 'SENT');
    expect(errors).toContainEqual(expect.objectContaining({ message: expect.stringContaining(broken.batchId) }));
    await ledger.clear();
  });

  it('P3: an instance that stood still past its lease sends nothing of its last claim when it goes on', async () => {
    const request = await ledger.accept({ messages: 5 });
    let stoodStillMs = 0;
    const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>();
    const { promise: stands, resolve: stand } = Promise.withResolvers<void>();
    // It claims, and stands still before it hears that the claim is committed.
    const worker: typeof ledger.database.worker = async (work) => {
      const result = await ledger.database.worker(work);
      if ((await ledger.asOwner('select 1 from slice')).length === 0 || stoodStillMs > 0) return result;
      stand();
      await goesOn;
      return result;
    };
    const monotonicMs = () => performance.now() + stoodStillMs;
    const old = await start({ name: 'old', database: { ...ledger.database, worker }, monotonicMs });
    await stands;
    await ledger.asOwner(`update lease set until = clock_timestamp()`);
    const owner = await start({ name: 'new' });
    await ledger.asOwner(`update slice set send_before = clock_timestamp() - interval '20 seconds'`);
    await becomes(request, 'UNKNOWN');
    stoodStillMs = 30_000;
    goOn();
    await becomes(request, 'SENT');
    expect(old.provider.received).toEqual([]);
    expect([...owner.provider.receipts().values()]).toEqual([1, 1, 1, 1, 1]);
  });

  it('P1: loses nothing and makes no unknowns when its connections are cut again and again', async () => {
    const requests = await Promise.all(Array.from({ length: 6 }, () => ledger.accept({ messages: 100 })));
    const { provider } = await start({ senders: { find: async () => usable({ segmentsPerSecond: 50 }) } });
    const cut = () =>
      ledger.asOwner(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'herald-dispatch-worker' and datname = current_database()`,
      );
    let receivedBefore = 0;
    await eventually(async () => {
      if (provider.received.length > receivedBefore + 40) {
        receivedBefore = provider.received.length;
        await cut();
      }
      // What a claim left whose answer was cut off, and nobody gave back, would be called unknown half a minute later.
      await ledger.asOwner(
        `update slice set send_before = send_before - interval '20 seconds' where send_before < clock_timestamp()`,
      );
      const states = (await Promise.all(requests.map((request) => ledger.states(request)))).flat();
      expect(new Set(states)).toEqual(new Set(['SENT']));
    }, 25_000);
    expect(provider.receipts().size).toBe(600);
    expect([...provider.receipts().values()].filter((receipts) => receipts > 1)).toEqual([]);
  });

  it('claims no more through an account that answers slowly than it has places for, and others go on', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const provider = new ProviderThatCounts(async (message) => {
      if (message.from === SLOW) await answered;
      return acceptAll(message);
    });
    const find = async (_org: string, channelId: string) =>
      slow.some((request) => request.channelId === channelId)
        ? usable({ address: SLOW, channelAccountId: SLOW_ACCOUNT, segmentsPerSecond: 1_000_000 })
        : usable();
    const slow: StoredRequest[] = [];
    for (let senders = 0; senders < 10; senders += 1) {
      slow.push(await ledger.accept({ messages: 100, channelAccountId: SLOW_ACCOUNT }));
    }
    const { dispatcher } = await start({ provider, senders: { find } });
    try {
      await eventually(() => expect(provider.received).toHaveLength(32));
      // Claims follow in order of arrival: when this one is done, all that the slow lanes asked for before are done.
      const other = await ledger.accept({ messages: 1 });
      dispatcher.announce(announcementOf(other));
      await becomes(other, 'SENT');
      const [row] = await ledger.asOwner<{ claimed: number }>('select sum(claimed_to)::int as claimed from batch');
      expect(row?.claimed).toBeLessThanOrEqual(400);
    } finally {
      answer();
    }
  });

  it('stops, and claims nothing more, though there is no room for outcomes because the database is away', async () => {
    const request = await ledger.accept();
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const hasRoom = () => {
      ask();
      return false;
    };
    const { stop, provider } = await start({ recorder: { hasRoom } });
    await asked;
    await stop();
    expect(provider.received).toEqual([]);
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
  });
});
