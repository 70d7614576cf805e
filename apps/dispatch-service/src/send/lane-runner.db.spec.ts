import type { SendOutcome } from '@herald/channels';
import { newId } from '@herald/service';
import { eventually, overPace } from '@herald/testing';
import { acceptAll, ProviderThatCounts, instancesOf, usable } from '../../test/instance';
import { SHARD, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';

describe('laneRunner', () => {
  let ledger: TestLedger;
  const { start } = instancesOf(() => ledger);

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    await ledger.asOwner('truncate lease, breaker');
  });

  const announcementOf = ({ org, batchId, channelId }: StoredRequest, priority = 0) => ({
    ...{ org, id: batchId, channelId, priority, shard: SHARD, readyInMs: 0, traceparent: undefined },
  });
  const becomes = (request: StoredRequest, state: string, withinMs?: number) =>
    eventually(async () => expect(new Set(await ledger.states(request))).toEqual(new Set([state])), withinMs);
  const acceptAReply = async (choice: Parameters<TestLedger['accept']>[0]) => {
    const reply = await ledger.accept(choice);
    await ledger.asOwner('update batch set priority = 1 where id = $1', [reply.batchId]);
    return reply;
  };

  it('P12: sends a small organisation’s message at once, whatever another has waiting with many senders', async () => {
    const channels = Array.from({ length: 8 }, () => newId());
    for (let request = 0; request < 80; request += 1) {
      await ledger.accept({ messages: 100, channelId: channels[request % channels.length] ?? newId() });
    }
    const { dispatcher, provider } = await start();
    await eventually(() => expect(provider.received.length).toBeGreaterThan(100));
    const small = await ledger.accept({ org: newId(), messages: 1 });
    const before = provider.received.length;
    dispatcher.announce(announcementOf(small));
    await becomes(small, 'SENT');
    const place = [...provider.receipts().keys()].indexOf(small.messageIds[0] ?? '');
    // Three claims that are under way, three that were given their turn, and what is already on its way.
    expect(place - before).toBeLessThan(6 * 400 + 800);
    expect(before).toBeLessThan(6_000);
  });

  it('P12: sends it as soon when a new owner finds all of it at once, and its own came last', async () => {
    const channels = [newId(), newId()];
    for (let request = 0; request < 80; request += 1) {
      await ledger.accept({ messages: 100, channelId: channels[request % channels.length] ?? newId() });
    }
    const small = await ledger.accept({ org: newId(), messages: 1 });
    const { provider } = await start();
    await becomes(small, 'SENT');
    const place = [...provider.receipts().keys()].indexOf(small.messageIds[0] ?? '');
    // Both of the others may have claimed three times before it has its turn.
    expect(place).toBeLessThan(6 * 400);
  });

  it('P13: keeps the pace of a sender at the receiving end over any second, also across a take-over', async () => {
    const segmentsPerSecond = 60;
    const senders = { find: async () => usable({ segmentsPerSecond }) };
    const first = await ledger.accept({ messages: 100, segments: 2 });
    const second = await ledger.accept({ messages: 80, segments: 2, channelId: first.channelId });
    const one = await start({ name: 'one', senders });
    await eventually(() => expect(one.provider.received.length).toBeGreaterThan(40));
    const two = await start({ name: 'two', senders });
    one.leases.want([]);
    await becomes(first, 'SENT', 15_000);
    await becomes(second, 'SENT', 15_000);
    expect(two.provider.received.length).toBeGreaterThan(0);
    const times = [...one.provider.receivedAtMs, ...two.provider.receivedAtMs];
    expect(times).toHaveLength(180);
    const receipts = times.map((receivedAtMs) => ({ receivedAtMs, segments: 2 }));
    expect(overPace(segmentsPerSecond, receipts)).toEqual([]);
  });

  it('lets agents’ replies go before what waits in bulk, and leaves bulk its share', async () => {
    const { dispatcher, provider } = await start({ senders: { find: async () => usable({ segmentsPerSecond: 100 }) } });
    const bulk = await ledger.accept({ messages: 100 });
    const { channelId } = bulk;
    const more = await Promise.all(Array.from({ length: 5 }, () => ledger.accept({ messages: 100, channelId })));
    for (const request of [bulk, ...more]) dispatcher.announce(announcementOf(request));
    await eventually(() => expect(provider.received.length).toBeGreaterThan(0));
    const replies: StoredRequest[] = [];
    for (let reply = 0; reply < 4; reply += 1) replies.push(await acceptAReply({ messages: 100, channelId }));
    for (const reply of replies) dispatcher.announce(announcementOf(reply, 1));
    for (const reply of replies) await becomes(reply, 'SENT', 15_000);
    const order = [...provider.receipts().keys()];
    const ids = replies.flatMap(({ messageIds }) => messageIds);
    const places = ids.map((id) => order.indexOf(id));
    const between = order.slice(Math.min(...places), Math.max(...places)).filter((id) => !ids.includes(id));
    // Fifty go between two hundred replies and the rest; at both ends replies pass what is late.
    expect(between.length).toBeGreaterThanOrEqual(25);
    expect(between.length).toBeLessThanOrEqual(120);
    expect(await ledger.states(more[4] ?? bulk)).toContain('QUEUED');
  });

  it('P17: leaves an account alone that cannot be reached, and goes on with it when it can; others do not notice', async () => {
    const [down, up] = ['down', 'up'].map((address) => ({ channelAccountId: newId(), address }));
    const deaf = await ledger.accept({ messages: 100 });
    const alive = await ledger.accept({ messages: 100 });
    const find = async (_org: string, channelId: string) => usable(channelId === deaf.channelId ? down : up);
    let isDown = true;
    const unreachable: SendOutcome = { kind: 'not_sent', retryAfterMs: 1_000, reason: 'CONNECTION_FAILED' };
    const provider = new ProviderThatCounts((message) =>
      isDown && message.from === 'down' ? Promise.resolve(unreachable) : acceptAll(message),
    );
    const { dispatcher } = await start({ provider, senders: { find }, accountRequestsMax: 10 });
    await eventually(() => expect(dispatcher.openBreakers()).toEqual({ account: 1, sender: 1 }));
    await becomes(alive, 'SENT');
    const sentInVain = () => provider.received.filter(({ from }) => from === 'down').length;
    // What was under way when the twentieth failed, and a probe or two.
    expect(sentInVain()).toBeLessThanOrEqual(40);
    await eventually(async () =>
      expect(await ledger.asOwner('select reason from breaker')).toEqual([
        { reason: 'CONNECTION_FAILED' },
        { reason: 'CONNECTION_FAILED' },
      ]),
    );
    await eventually(async () => expect(new Set(await ledger.states(deaf))).toEqual(new Set(['QUEUED'])));
    isDown = false;
    await becomes(deaf, 'SENT', 20_000);
    expect(dispatcher.openBreakers()).toEqual({ account: 0, sender: 0 });
    await eventually(async () => expect(await ledger.asOwner('select 1 from breaker')).toEqual([]));
  });

  it('P17: goes on with others, though an account answers nothing at all', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<SendOutcome>();
    const silent = await ledger.accept({ messages: 100 });
    const find = async (_org: string, channelId: string) =>
      usable(channelId === silent.channelId ? { channelAccountId: 'silent', address: 'silent' } : {});
    const provider = new ProviderThatCounts((message) => (message.from === 'silent' ? answered : acceptAll(message)));
    await start({ provider, senders: { find }, accountRequestsMax: 10 });
    try {
      const others = await Promise.all(Array.from({ length: 5 }, () => ledger.accept({ messages: 100 })));
      for (const other of others) await becomes(other, 'SENT', 10_000);
      expect(provider.received.filter(({ from }) => from === 'silent')).toHaveLength(10);
    } finally {
      answer({ kind: 'unknown', reason: 'RESPONSE_TIMEOUT' });
    }
    await eventually(async () => expect(await ledger.states(silent)).toContain('UNKNOWN'));
    expect(provider.received.filter(({ from }) => from === 'silent').length).toBeLessThanOrEqual(20);
  });
});
