import { MessageChanges } from '@herald/contracts/event';
import { callbackOf } from '../../test/callbacks';
import { settleCallbacks } from '../delivery/settle-callbacks';
import { checkLedger } from '../reports/check-ledger';
import { claimOf, deps, ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { claim, type ClaimRequest } from './claim';

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

  const ask = async (requests: StoredRequest | StoredRequest[], changes: Partial<ClaimRequest> = {}) => {
    const [first, ...more] = [requests].flat();
    if (!first) throw new Error('a claim is of one batch at least');
    const batchIds = [first, ...more].map(({ batchId }) => batchId);
    const claimed = await ledger.database.worker((tx) =>
      claim(tx, deps, claimOf(first, epoch, { batchIds, ...changes })),
    );
    if (claimed.kind === 'lost') throw new Error('the lease is lost');
    return { ...claimed, messages: claimed.slices.flatMap(({ messages }) => messages) };
  };

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
    const claimed = answers.flatMap(({ messages }) => messages);
    expect(new Set(claimed.map(({ id }) => id)).size).toBe(claimed.length);
    expect(claimed).toHaveLength(40);
  });

  it('P13: takes what the sender may send in two seconds, and then makes it wait', async () => {
    const request = await ledger.accept({ messages: 50, segments: 3 });
    const first = await ask(request, { segmentsPerSecond: 10 });
    expect(first).toMatchObject({ gone: [], slices: [{ lo: 1, hi: 6, startsInMs: 0 }] });
    expect(first.nextInMs).toBeGreaterThan(1_000);
    const second = await ask(request, { segmentsPerSecond: 10 });
    expect(second.slices).toEqual([]);
    expect(second.nextInMs).toBeGreaterThan(1_000);
  });

  it('P13: shares the pace among all batches of a sender', async () => {
    const first = await ledger.accept({ messages: 20 });
    const second = await ledger.accept({ messages: 20, channelId: first.channelId });
    await ask(first, { segmentsPerSecond: 10 });
    expect((await ask(second, { segmentsPerSecond: 10 })).slices).toEqual([]);
  });

  it('P13: begins the next slice when what was claimed before it is through, and no earlier', async () => {
    const request = await ledger.accept({ messages: 50 });
    await ask(request, { segmentsPerSecond: 10 });
    await ledger.asOwner(`update sender set paid_until = clock_timestamp() + interval '200 milliseconds'`);
    const { slices } = await ask(request, { segmentsPerSecond: 10 });
    expect(slices[0]?.startsInMs).toBeGreaterThan(100);
    expect(slices[0]?.startsInMs).toBeLessThanOrEqual(200);
  });

  it('takes from one batch after the other, a slice of each, in the order that is asked for', async () => {
    const first = await ledger.accept({ messages: 3 });
    const rest = [await ledger.accept({ messages: 2, channelId: first.channelId })];
    rest.push(await ledger.accept({ messages: 200, channelId: first.channelId }));
    const { slices, gone } = await ask([first, ...rest], { segmentsPerSecond: 40, messagesMax: 60 });
    expect(slices.map(({ batchId, lo, hi, startsInMs }) => [batchId, lo, hi, Math.round(startsInMs)])).toEqual([
      [first.batchId, 1, 3, 0],
      [rest[0]?.batchId, 1, 2, 75],
      [rest[1]?.batchId, 1, 55, 125],
    ]);
    expect(gone).toEqual([first.batchId, rest[0]?.batchId]);
  });

  it('takes no more than a hundred messages of a batch, however many its sender may send', async () => {
    const request = await ledger.accept({ messages: 150 });
    expect((await ask(request)).slices).toMatchObject([{ lo: 1, hi: 100 }]);
    expect((await ask(request)).slices).toMatchObject([{ lo: 101, hi: 150 }]);
  });

  it('takes one message though it costs more than two seconds', async () => {
    const request = await ledger.accept({ messages: 2, segments: 9 });
    const { messages } = await ledger.claim(request, epoch, 1);
    expect(messages).toHaveLength(1);
  });

  it('P3: refuses who lost the lease', async () => {
    const request = await ledger.accept();
    await ledger.lease('another');
    await expect(ask(request)).rejects.toThrow('lost');
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
  });

  it('P3: refuses who holds a lease that ran out', async () => {
    const request = await ledger.accept();
    await ledger.asOwner(`update lease set until = clock_timestamp() - interval '1 millisecond'`);
    await expect(ask(request)).rejects.toThrow('lost');
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
    const end = { slices: [], gone: [request.batchId], nextInMs: 0 };
    expect(await ask(request)).toMatchObject(end);
    expect(await ask(request)).toMatchObject(end);
    expect(await ledger.asOwner('select lo from slice where batch_id = $1', [request.batchId])).toEqual([]);
  });

  it('waits for a batch that is not ready', async () => {
    const request = await ledger.accept({ readyAt: new Date(Date.now() + 60_000) });
    const ready = await ledger.accept({ channelId: request.channelId });
    const { later, slices } = await ask([request, ready]);
    expect(later).toEqual([{ batchId: request.batchId, ms: expect.any(Number) }]);
    expect(later[0]?.ms).toBeGreaterThan(50_000);
    expect(slices.map(({ batchId }) => batchId)).toEqual([ready.batchId]);
  });

  it('P14: sends nothing that waited longer than it is valid', async () => {
    const request = await ledger.accept({ validForMs: -1 });
    expect(await ask(request)).toMatchObject({ slices: [], gone: [request.batchId] });
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
      expect(await ask(request)).toMatchObject({ slices: [], gone: [request.batchId] });
    }
    expect(await ledger.states(cancelled)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
  });
});
