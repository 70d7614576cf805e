import { MessageChanges } from '@herald/contracts/event';
import { callbackOf } from '../../test/callbacks';
import { settleCallbacks } from '../delivery/settle-callbacks';
import { checkLedger } from '../reports/check-ledger';
import { deps, ORG, SHARD, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { claim } from './claim';

describe('claim', () => {
  let ledger: TestLedger;
  let epoch: string;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    epoch = await ledger.lease();
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
  });

  const ask = ({ org, batchId }: StoredRequest, changes: { epoch?: string; segmentsPerSecond?: number } = {}) =>
    ledger.database.worker((tx) =>
      claim(tx, deps, { shard: SHARD, epoch, org, batchId, segmentsPerSecond: 1_000, ...changes }),
    );

  it('takes the messages of a batch in order, with all that a send needs, and leaves a slice behind', async () => {
    const request = await ledger.accept({ messages: 3 });
    const { lo, hi, messages } = await ledger.claim(request, epoch);
    expect([lo, hi]).toEqual([1, 3]);
    expect(messages.map(({ id }) => id)).toEqual(request.messageIds);
    expect(messages[0]).toMatchObject({ position: 1, attempt: 1, toAddress: '+14255550000', body: 'text 0' });
    expect(await ledger.states(request)).toEqual(['SENDING', 'SENDING', 'SENDING']);
    const slices = await ledger.asOwner(`select lo, hi, epoch::text from slice where batch_id = '${request.batchId}'`);
    expect(slices).toEqual([{ lo: 1, hi: 3, epoch }]);
  });

  it('P3: gives each position once, though many ask at the same time', async () => {
    const request = await ledger.accept({ messages: 100 });
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(request, { segmentsPerSecond: 20 })));
    const claimed = answers.flatMap((answer) => (answer.kind === 'claimed' ? answer.slice.messages : []));
    expect(new Set(claimed.map(({ id }) => id)).size).toBe(claimed.length);
    expect(claimed).toHaveLength(40);
  });

  it('P13: takes what the sender may send in two seconds, and then makes it wait', async () => {
    const request = await ledger.accept({ messages: 50, segments: 3 });
    const first = await ask(request, { segmentsPerSecond: 10 });
    expect(first).toMatchObject({ kind: 'claimed', isLast: false });
    expect(first.kind === 'claimed' && first.slice.messages).toHaveLength(6);
    const second = await ask(request, { segmentsPerSecond: 10 });
    expect(second.kind).toBe('wait');
    expect(second.kind === 'wait' && second.ms).toBeGreaterThan(1_000);
  });

  it('P13: shares the pace among all batches of a sender', async () => {
    const first = await ledger.accept({ messages: 20 });
    const second = await ledger.accept({ messages: 20, channelId: first.channelId });
    await ask(first, { segmentsPerSecond: 10 });
    expect(await ask(second, { segmentsPerSecond: 10 })).toMatchObject({ kind: 'wait' });
  });

  it('takes one message though it costs more than two seconds', async () => {
    const request = await ledger.accept({ messages: 2, segments: 9 });
    const { messages } = await ledger.claim(request, epoch, 1);
    expect(messages).toHaveLength(1);
  });

  it('P3: refuses who lost the lease', async () => {
    const request = await ledger.accept();
    await ledger.lease('another');
    expect(await ask(request)).toEqual({ kind: 'lost' });
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
  });

  it('P3: refuses who holds a lease that ran out', async () => {
    const request = await ledger.accept();
    await ledger.asOwner(`update lease set until = clock_timestamp() - interval '1 millisecond'`);
    expect(await ask(request)).toEqual({ kind: 'lost' });
  });

  it('P3: passes what the provider proves to have already, and sends the rest', async () => {
    const request = await ledger.accept({ messages: 4 });
    const settle = (index: number, status: string) =>
      ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, index, status)]));
    await settle(1, 'sent');
    await ledger.asOwner('update message set attempt = 2 where id = $1', [request.messageIds[2]]);
    await settle(2, 'delivered');
    const { lo, hi, messages } = await ledger.claim(request, epoch);
    expect([lo, hi]).toEqual([1, 4]);
    expect(messages.map(({ position }) => position)).toEqual([1, 4]);
    expect(await ledger.states(request)).toEqual(['SENDING', 'SENT', 'DELIVERED', 'SENDING']);
  });

  it('P3: leaves no slice where nothing is left to send, and goes on', async () => {
    const request = await ledger.accept({ messages: 2 });
    for (const index of [0, 1]) {
      await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, index, 'sent')]));
    }
    expect(await ask(request)).toEqual({ kind: 'wait', ms: 0 });
    expect(await ask(request)).toEqual({ kind: 'closed' });
    expect(await ledger.asOwner('select lo from slice where batch_id = $1', [request.batchId])).toEqual([]);
  });

  it('waits for a batch that is not ready', async () => {
    const request = await ledger.accept({ readyAt: new Date(Date.now() + 60_000) });
    const answer = await ask(request);
    expect(answer.kind === 'wait' && answer.ms).toBeGreaterThan(50_000);
  });

  it('P14: sends nothing that waited longer than it is valid', async () => {
    const request = await ledger.accept({ validForMs: -1 });
    expect(await ask(request)).toEqual({ kind: 'closed' });
    expect(await ledger.states(request)).toEqual(['EXPIRED', 'EXPIRED', 'EXPIRED']);
    const changes = await ledger.asOwner<{ payload: Buffer }>(
      `select payload from outbox where topic = 'herald.message.v1' order by id desc limit 1`,
    );
    expect(MessageChanges.decode(changes[0]?.payload ?? Buffer.alloc(0)).changes).toMatchObject(
      request.messageIds.map((messageId) => ({ messageId, state: 'EXPIRED', reason: 'EXPIRED' })),
    );
  });

  it('finds nothing in a batch that is claimed, cancelled or not there', async () => {
    const claimedBatch = await ledger.accept({ messages: 1 });
    await ledger.claim(claimedBatch, epoch);
    const cancelled = await ledger.accept();
    await ledger.asOwner(`update batch set cancelled_at = clock_timestamp() where id = '${cancelled.batchId}'`);
    for (const request of [claimedBatch, cancelled, { ...cancelled, batchId: cancelled.id }]) {
      expect(await ask(request)).toEqual({ kind: 'closed' });
    }
    expect(await ledger.states(cancelled)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
  });
});
