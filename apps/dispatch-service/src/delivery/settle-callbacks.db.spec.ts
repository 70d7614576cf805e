import { callbackOf } from '../../test/callbacks';
import { deps, ORG, OTHER_ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { checkLedger } from '../reports/check-ledger';
import { recordOutcomes } from '../record/record-outcomes';
import { settleCallbacks } from './settle-callbacks';

describe('settleCallbacks', () => {
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

  const settle = (...callbacks: Parameters<typeof settleCallbacks>[2]) =>
    ledger.database.worker((tx) => settleCallbacks(tx, deps, callbacks));
  const sending = async (messages = 1): Promise<StoredRequest> => {
    const request = await ledger.accept({ messages });
    await ledger.claim(request, epoch);
    return request;
  };

  it('carries a message from sending to delivered, and names why one was not', async () => {
    const request = await sending(2);
    await settle(callbackOf(request, 0, 'sent'), callbackOf(request, 1, 'sent'));
    expect(await ledger.states(request)).toEqual(['SENT', 'SENT']);
    await settle(
      callbackOf(request, 0, 'delivered'),
      callbackOf(request, 1, 'undelivered', { providerErrorCode: '30005' }),
    );
    expect(await ledger.states(request)).toEqual(['DELIVERED', 'UNDELIVERED']);
    const [, failed] = await ledger.asOwner(
      `select provider_code as code, reason from message where outbound_request_id = '${request.id}' order by contact_index`,
    );
    expect(failed).toEqual({ code: '30005', reason: 'ADDRESS_INVALID_AT_PROVIDER' });
  });

  it('P6: ends the same in any order, and however often a callback comes', async () => {
    const orders = [
      ['queued', 'sent', 'delivered'],
      ['delivered', 'sent', 'queued'],
      ['sent', 'delivered', 'delivered', 'queued', 'sent'],
    ];
    for (const order of orders) {
      const request = await sending();
      for (const status of order) await settle(callbackOf(request, 0, status));
      expect(await ledger.states(request)).toEqual(['DELIVERED']);
    }
  });

  it('joins a callback without our ids with the record of the send, whichever comes first', async () => {
    for (const isCallbackFirst of [true, false]) {
      const request = await ledger.accept({ messages: 1 });
      const slice = await ledger.claim(request, epoch);
      const providerId = `SM-${request.id}`;
      const callback = callbackOf(request, 0, 'delivered', {
        messageId: '',
        attempt: 0,
        providerMessageId: providerId,
      });
      const outcome = { kind: 'accepted' as const, providerId, status: 'queued', rank: 20 };
      const outcomes = slice.messages.map((message) => ({ slice, message, outcome }));
      const record = () => ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices: [slice] }));
      await (isCallbackFirst ? settle(callback) : record());
      await (isCallbackFirst ? record() : settle(callback));
      expect(await ledger.states(request)).toEqual(['DELIVERED']);
    }
  });

  it('P10: ignores what an account says about the message of another account or organisation', async () => {
    const request = await sending();
    const foreign = await settle(
      callbackOf(request, 0, 'delivered', { channelAccountId: request.id }),
      callbackOf(request, 0, 'delivered', { orgId: OTHER_ORG }),
    );
    expect(foreign).toMatchObject({ changes: [], ignored: 2 });
    expect(await ledger.states(request)).toEqual(['SENDING']);
  });

  it('P10: believes the account whose message it is, though another organisation names the same id beside it', async () => {
    for (const isForgedFirst of [true, false]) {
      const request = await sending();
      const real = callbackOf(request, 0, 'delivered');
      const forged = callbackOf(request, 0, 'failed', { orgId: OTHER_ORG });
      const settled = await settle(...(isForgedFirst ? [forged, real] : [real, forged]));
      expect(settled.ignored).toBe(1);
      expect(await ledger.states(request)).toEqual(['DELIVERED']);
    }
  });

  it('ignores statuses and ids that mean nothing', async () => {
    const request = await sending();
    const settled = await settle(
      callbackOf(request, 0, 'dancing'),
      callbackOf(request, 0, 'delivered', { messageId: '0190a000-0000-7000-8000-00000000dead' }),
    );
    expect(settled.ignored).toBe(2);
    expect(await ledger.states(request)).toEqual(['SENDING']);
  });

  it('P6: an earlier attempt only shows that it was delivered after all', async () => {
    const request = await sending();
    await ledger.asOwner(`update message set attempt = 2 where outbound_request_id = '${request.id}'`);
    await settle(callbackOf(request, 0, 'failed'));
    expect(await ledger.states(request)).toEqual(['SENDING']);
    await settle(callbackOf(request, 0, 'delivered'));
    expect(await ledger.states(request)).toEqual(['DELIVERED']);
  });

  describe('a failure that may pass', () => {
    const atLeastOnce = async (validForMs = 3_600_000) => {
      const request = await ledger.accept({ messages: 1, deliveryGuarantee: 'AT_LEAST_ONCE', validForMs });
      await ledger.claim(request, epoch);
      return request;
    };
    const turn = async (request: StoredRequest) => {
      const [row] = await ledger.asOwner<{ attempt: number; reason: string; batchId: string; minutes: number }>(
        `select m.attempt, m.reason, m.batch_id as "batchId", round(extract(epoch from b.ready_at - now()) / 60)::int as minutes
           from message m join batch b on b.id = m.batch_id where m.id = $1`,
        [request.messageIds[0]],
      );
      return row;
    };
    const passing = { providerErrorCode: '30003' };

    it('P4: has a message that is sent at least once tried again, a quarter of an hour later and only once', async () => {
      const request = await atLeastOnce();
      await settle(callbackOf(request, 0, 'undelivered', passing));
      expect(await ledger.states(request)).toEqual(['QUEUED']);
      const again = await turn(request);
      expect(again).toMatchObject({ attempt: 2, reason: 'FAILURE_MAY_PASS', minutes: 15 });
      await ledger.asOwner('update batch set ready_at = now() where id = $1', [again?.batchId]);
      await ledger.claim({ ...request, batchId: again?.batchId ?? '' }, epoch);
      await settle(callbackOf(request, 0, 'undelivered', { ...passing, attempt: 2 }));
      expect(await ledger.states(request)).toEqual(['UNDELIVERED']);
    });

    it('P3: is the end of a message that is sent at most once', async () => {
      const request = await sending();
      await settle(callbackOf(request, 0, 'undelivered', passing));
      expect(await ledger.states(request)).toEqual(['UNDELIVERED']);
    });

    it('is the end too when the message expires before it may have passed, or for another cause', async () => {
      const short = await atLeastOnce(15 * 60_000);
      await settle(callbackOf(short, 0, 'undelivered', passing));
      expect(await ledger.states(short)).toEqual(['UNDELIVERED']);
      const filtered = await atLeastOnce();
      await settle(callbackOf(filtered, 0, 'undelivered', { providerErrorCode: '30007' }));
      expect(await ledger.states(filtered)).toEqual(['UNDELIVERED']);
    });
  });

  it('merges many at once from both sides without a deadlock', async () => {
    const request = await ledger.accept({ messages: 100 });
    const slice = await ledger.claim(request, epoch);
    const outcomes = slice.messages.map((message) => ({
      ...{ slice, message },
      outcome: {
        kind: 'accepted' as const,
        providerId: `SM${message.id.replaceAll('-', '')}`,
        status: 'queued',
        rank: 20,
      },
    }));
    const callbacks = request.messageIds.map((_, index) => callbackOf(request, index, 'delivered'));
    await Promise.all([
      ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices: [slice] })),
      settle(...callbacks.toReversed()),
      settle(...callbacks),
    ]);
    expect(new Set(await ledger.states(request))).toEqual(new Set(['DELIVERED']));
  });
});
