import { MessageChanges } from '@herald/contracts/event';
import type { Act } from '@herald/postgres';
import { callbackOf } from '../../test/callbacks';
import { checkedLedger, UNKNOWN } from '../../test/checked-ledger';
import { claimOf, deps, ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { settleCallbacks } from '../delivery/settle-callbacks';
import { checkLedger } from '../reports/check-ledger';
import { claim, type ClaimedSlice } from '../claim/claim';
import { recordOutcomes, type SentOutcome } from '../record/record-outcomes';
import { cancelRequest } from './change-request';

const ACT: Act = {
  org: ORG,
  caller: { kind: 'user', org: ORG, subject: 'ana', scopes: new Set(['send']) },
  method: 'herald.dispatch.v1.DispatchService/CancelRequest',
};
const NOT_SENT = { kind: 'not_sent', retryAfterMs: 1_000, reason: 'THROTTLED' } as const;
const ROUNDS = 30;

describe('cancelRequest', () => {
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

  const cancel = ({ id }: StoredRequest) => cancelRequest({ ...deps, database: ledger.database }, ACT, id);
  const record = (slice: ClaimedSlice, outcome: SentOutcome['outcome']) => {
    const outcomes = slice.messages.map((message) => ({ slice, message, outcome }));
    return ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices: [slice] }));
  };
  const announced = async () => {
    const rows = await ledger.asOwner<{ payload: Buffer }>(
      `select payload from outbox where topic = 'herald.message.v1' order by id`,
    );
    return rows.flatMap(({ payload }) => MessageChanges.decode(payload).changes);
  };

  it('ends what nobody claimed, announces it, and lets what was claimed go its way', async () => {
    const request = await ledger.accept({ messages: 5 });
    const slice = await ledger.claim(request, epoch, 1);
    const { counts, cancelTime } = await cancel(request);
    expect(counts).toMatchObject({ contacts: 5, sending: 2, cancelled: 3, queued: 0 });
    expect(cancelTime).toBeInstanceOf(Date);
    expect(await announced()).toMatchObject(
      request.messageIds.slice(2).map((messageId) => ({ messageId, state: 'CANCELLED', version: 2, reason: '' })),
    );
    await record(slice, { kind: 'accepted', providerId: 'SM1', status: 'queued', rank: 20 });
    expect(await ledger.states(request)).toEqual(['SENT', 'SENT', 'CANCELLED', 'CANCELLED', 'CANCELLED']);
  });

  it('gives no new turn to what was claimed before and did not leave', async () => {
    const request = await ledger.accept({ messages: 3 });
    const slice = await ledger.claim(request, epoch);
    expect((await cancel(request)).counts).toMatchObject({ sending: 3, cancelled: 0 });
    await record(slice, NOT_SENT);
    expect(await ledger.states(request)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(await ledger.asOwner(`select 1 from outbox where topic = 'herald.dispatch.v1'`)).toEqual([]);
    expect(await announced()).toMatchObject(request.messageIds.map((messageId) => ({ messageId, state: 'CANCELLED' })));
  });

  it('ends what waits for another attempt, without the reason of the last', async () => {
    const request = await ledger.accept({ messages: 3 });
    await record(await ledger.claim(request, epoch), NOT_SENT);
    await cancel(request);
    const rows = await ledger.asOwner('select distinct state, reason from message_state');
    expect(rows).toEqual([{ state: 'CANCELLED', reason: null }]);
  });

  it('P6: leaves alone what a callback proves to have left', async () => {
    const request = await ledger.accept({ messages: 2 });
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, 'delivered')]));
    expect((await cancel(request)).counts).toMatchObject({ delivered: 1, cancelled: 1 });
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 1, 'delivered')]));
    expect(await ledger.states(request)).toEqual(['DELIVERED', 'DELIVERED']);
  });

  it('P4: gives no new attempt to what is unknown, though it was to be sent at least once', async () => {
    const { look, sent, pass } = checkedLedger(ledger);
    const request = await sent(() => UNKNOWN, { deliveryGuarantee: 'AT_LEAST_ONCE' });
    expect((await cancel(request)).counts).toMatchObject({ unknown: 1, cancelled: 0 });
    await look();
    await pass(request, 300);
    await look();
    expect(await ledger.states(request)).toEqual(['FAILED']);
  });

  it('P3: makes each message claimed or cancelled and never both, though claims run at the same time', async () => {
    const changes = { messagesMax: 2, segmentsPerSecond: 100_000 };
    const claimAll = async (request: StoredRequest) => {
      let messages = 0;
      for (let claims = 0; claims < 5; claims += 1) {
        const claimed = await ledger.database.worker((tx) => claim(tx, deps, claimOf(request, epoch, changes)));
        messages += claimed.kind === 'visited' ? claimed.slices.flatMap((slice) => slice.messages).length : 0;
      }
      return messages;
    };
    let met = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const request = await ledger.accept({ messages: 10 });
      const [claimed, cancelled] = await Promise.all([claimAll(request), cancel(request)]);
      expect(await ledger.states(request)).toEqual([
        ...Array<string>(claimed).fill('SENDING'),
        ...Array<string>(10 - claimed).fill('CANCELLED'),
      ]);
      expect(cancelled.counts).toMatchObject({ sending: claimed, cancelled: 10 - claimed });
      if (claimed > 0 && claimed < 10) met += 1;
    }
    expect(met).toBeGreaterThan(0);
  });

  it('leaves nothing queued behind, though new turns are given at the same time', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const request = await ledger.accept({ messages: 6 });
      const slice = await ledger.claim(request, epoch, 2);
      await Promise.all([record(slice, NOT_SENT), cancel(request)]);
      expect(new Set(await ledger.states(request))).toEqual(new Set(['CANCELLED']));
    }
  });
});
