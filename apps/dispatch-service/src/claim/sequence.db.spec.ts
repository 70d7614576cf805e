import type { SendOutcome } from '@herald/channels';
import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { acceptAll, ProviderThatCounts, startInstance } from '../../test/instance';
import { claimOf, deps, ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { checkLedger } from '../reports/check-ledger';
import { claim } from './claim';
import { recordOutcomes } from '../record/record-outcomes';

const ACCEPTED: SendOutcome = { kind: 'accepted', providerId: 'SM1', status: 'queued', rank: 20 };
const REFUSED: SendOutcome = { kind: 'refused', reason: 'CONTENT_REFUSED', code: '30007' };
const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'CONNECTION_RESET' };
const NOT_SENT: SendOutcome = { kind: 'not_sent', retryAfterMs: 1_000, reason: 'THROTTLED' };

describe('replies of a conversation', () => {
  let ledger: TestLedger;
  let epoch: string;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    epoch = await ledger.lease();
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
  });

  /** So many replies of one conversation, in their order. */
  const conversation = async (replies: number, channelId = newId()): Promise<StoredRequest[]> => {
    const key = newId();
    const from = Date.now() - 60_000;
    const requests: StoredRequest[] = [];
    for (let place = 0; place < replies; place += 1) {
      const sequence = { key, at: new Date(from + place) };
      requests.push(await ledger.accept({ messages: 1, channelId, priority: 1, sequence }));
    }
    return requests;
  };
  /** Claims from all of them at once; the batches that were handed out, and when to come for which of the others. */
  const ask = async (requests: readonly StoredRequest[]) => {
    const [first] = requests;
    if (!first) throw new Error('there is no reply to claim');
    const batchIds = requests.map(({ batchId }) => batchId);
    const changes = { batchIds, segmentsPerSecond: 100_000 };
    const claimed = await ledger.database.worker((tx) => claim(tx, deps, claimOf(first, epoch, changes)));
    if (claimed.kind === 'lost') throw new Error('the lease is lost');
    return { slices: claimed.slices, later: claimed.later };
  };
  const record = async (requests: readonly StoredRequest[], outcome: SendOutcome) => {
    const { slices } = await ask(requests);
    const outcomes = slices.flatMap((slice) => slice.messages.map((message) => ({ slice, message, outcome })));
    await ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices }));
    return outcomes.map(({ message }) => message.id);
  };
  const idsOf = (requests: readonly StoredRequest[]) => requests.flatMap(({ messageIds }) => messageIds);

  it.each([
    ['was accepted', ACCEPTED],
    ['was refused', REFUSED],
  ])('go one at a time, in their order, each when the one before %s', async (_what, outcome) => {
    const replies = await conversation(3);
    const shuffled = [...replies].reverse();
    const left: string[] = [];
    for (let turn = 0; turn < 3; turn += 1) left.push(...(await record(shuffled, outcome)));
    expect(left).toEqual(idsOf(replies));
  });

  it('wait for the one on its way, and hold up no other conversation', async () => {
    const channelId = newId();
    const [first, second] = await conversation(2, channelId);
    const [other] = await conversation(1, channelId);
    if (!first || !second || !other) throw new Error('a reply is missing');
    const both = await ask([second, first, other]);
    expect(both.slices.map(({ batchId }) => batchId).sort()).toEqual([first.batchId, other.batchId].sort());
    expect(both.later).toEqual([{ batchId: second.batchId, ms: 200 }]);
    expect(await ask([second])).toEqual({ slices: [], later: [{ batchId: second.batchId, ms: 200 }] });
  });

  it('wait for one that did not leave, which keeps its place, until it has its next turn', async () => {
    const replies = await conversation(2);
    await record(replies, NOT_SENT);
    const [first, second] = replies as [StoredRequest, StoredRequest];
    const waiting = await ask([second]);
    expect(waiting).toMatchObject({ slices: [], later: [{ batchId: second.batchId }] });
    const [row] = await ledger.asOwner<{ id: string }>(
      `update batch set ready_at = clock_timestamp() from message m
        where m.id = $1 and batch.id = m.batch_id returning batch.id`,
      [first.messageIds[0]],
    );
    expect(await record([second, { ...first, batchId: row?.id ?? '' }], ACCEPTED)).toEqual(first.messageIds);
    expect(await record([second], ACCEPTED)).toEqual(second.messageIds);
  });

  it('wait twenty seconds for one of unknown outcome, and then go on', async () => {
    const replies = await conversation(2);
    await record(replies, UNKNOWN);
    const [first, second] = replies as [StoredRequest, StoredRequest];
    const { slices, later } = await ask([second]);
    expect(slices).toEqual([]);
    expect(later[0]?.ms).toBeGreaterThan(10_000);
    expect(later[0]?.ms).toBeLessThanOrEqual(20_000);
    await ledger.asOwner(`update message set outcome_at = outcome_at - interval '21 seconds' where id = $1`, [
      first.messageIds[0],
    ]);
    expect(await record([second], ACCEPTED)).toEqual(second.messageIds);
  });

  it('wait for none that was cancelled or expired, but for the one before those', async () => {
    const [first, second, third, fourth] = (await conversation(4)) as [
      StoredRequest,
      StoredRequest,
      StoredRequest,
      StoredRequest,
    ];
    await ask([first]);
    await ledger.asOwner('update batch set cancelled_at = now() where id = $1', [second.batchId]);
    await ledger.asOwner(
      `with ended as (update batch set claimed_to = size where id = $1 returning id)
       update message set expired_at = now() where batch_id in (select id from ended)`,
      [third.batchId],
    );
    expect((await ask([fourth])).slices).toEqual([]);
    await ledger.asOwner('update message set rank = 20, outcome_at = now() where id = $1', [first.messageIds[0]]);
    await ledger.asOwner('delete from slice');
    expect((await ask([fourth])).slices).toHaveLength(1);
  });

  it('reach the provider in order and never two at once, though an instance sends as fast as it can', async () => {
    await ledger.asOwner('truncate lease');
    const under = new Map<string, number>();
    let most = 0;
    const keyOf = new Map<string, string>();
    const provider = new ProviderThatCounts(async (message) => {
      const id = new URL(message.statusCallbackUrl).searchParams.get('m') ?? '';
      const key = keyOf.get(id) ?? '';
      under.set(key, (under.get(key) ?? 0) + 1);
      most = Math.max(most, under.get(key) ?? 0);
      const outcome = await acceptAll(message);
      under.set(key, (under.get(key) ?? 0) - 1);
      return outcome;
    });
    const channelId = newId();
    const conversations = [await conversation(4, channelId), await conversation(4, channelId)];
    conversations.forEach((replies, at) => idsOf(replies).forEach((id) => keyOf.set(id, String(at))));
    const instance = await startInstance(ledger, { provider });
    try {
      await eventually(() => expect(provider.received).toHaveLength(8));
    } finally {
      await instance.stop();
    }
    const received = provider.received.map(({ statusCallbackUrl }) => new URL(statusCallbackUrl).searchParams.get('m'));
    for (const replies of conversations) {
      const ids = idsOf(replies);
      expect(received.filter((id) => ids.includes(id ?? ''))).toEqual(ids);
    }
    expect(most).toBe(1);
    expect(instance.errors).toEqual([]);
  });
});
