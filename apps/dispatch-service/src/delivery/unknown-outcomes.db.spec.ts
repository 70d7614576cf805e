import type { SoughtMessage } from '@herald/channels';
import { newId } from '@herald/service';
import { callbackOf } from '../../test/callbacks';
import { checkedLedger, DAY_SECONDS, UNKNOWN } from '../../test/checked-ledger';
import { deps, ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { checkLedger } from '../reports/check-ledger';
import { settleCallbacks } from './settle-callbacks';

describe('an unknown outcome', () => {
  let ledger: TestLedger;
  let on: ReturnType<typeof checkedLedger>;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    on = checkedLedger(ledger);
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
    expect(on.errors).toEqual([]);
  });

  const steps = (request: StoredRequest) =>
    ledger.asOwner(
      `select step.attempt, step.state, step.reason, step.source
         from message_step step join message m on m.org_id = step.org_id and m.id = step.message_id
        where m.outbound_request_id = $1 order by m.contact_index, step.id`,
      [request.id],
    );
  /** The batch of the newest attempt of a request's only message. */
  const nextTurn = async (request: StoredRequest): Promise<StoredRequest> => {
    const [row] = await ledger.asOwner<{ id: string }>(
      'update batch set ready_at = clock_timestamp() from message m where m.batch_id = batch.id and m.id = $1 returning batch.id',
      [request.messageIds[0]],
    );
    return { ...request, batchId: row?.id ?? '' };
  };

  it('P5: asks for an unknown outcome five minutes after it could last have left, and believes what it finds', async () => {
    const { provider, look, sent, pass, rows, dueInSeconds } = on;
    const request = await sent(() => UNKNOWN);
    await look();
    expect(provider.asked).toEqual([]);
    expect(await dueInSeconds(request)).toBe(300);
    provider.list = [{ id: 'SM1', body: 'text 0', status: 'delivered' }];
    await pass(request, 300);
    await look();
    expect(provider.asked).toMatchObject([{ to: '+14255550000', from: '+14255550100', body: 'text 0' }]);
    expect(await ledger.states(request)).toEqual(['DELIVERED']);
    expect(await rows(request)).toMatchObject([{ rank: 80, reason: null, providerId: 'SM1' }]);
    expect(await steps(request)).toEqual([
      { attempt: 1, state: 'UNKNOWN', reason: 'CONNECTION_RESET', source: 'SEND' },
      { attempt: 1, state: 'DELIVERED', reason: null, source: 'LOOK_UP' },
    ]);
    expect(await dueInSeconds(request)).toBeNull();
  });

  it('P5: settles every unknown outcome by look-ups alone, whatever became of each', async () => {
    const { provider, look, sent, pass, rows } = on;
    const request = await sent(() => UNKNOWN, { messages: 5 });
    provider.list = [
      { id: 'SM1', body: 'text 1', status: 'queued' },
      { id: 'SM2', body: 'text 2', status: 'undelivered', errorCode: '30005' },
      { id: 'SM3', body: 'text 3', status: 'failed', errorCode: '30007' },
      { id: 'SM4', body: 'text 4', status: 'a status of tomorrow' },
    ];
    await pass(request, 301);
    await look();
    expect(await ledger.states(request)).toEqual(['FAILED', 'SENT', 'UNDELIVERED', 'FAILED', 'SENT']);
    expect(await rows(request)).toMatchObject([
      { rank: 2, reason: 'UNKNOWN_OUTCOME' },
      { rank: 20, reason: null },
      { rank: 61, reason: 'ADDRESS_INVALID_AT_PROVIDER', providerCode: '30005' },
      { rank: 60, reason: 'CARRIER_FILTERED', providerCode: '30007' },
      { rank: 10, reason: null },
    ]);
  });

  it('P5: settles by callbacks alone what lost every answer, and asks nothing then', async () => {
    const { provider, look, sent, pass } = on;
    const request = await sent(() => UNKNOWN, { messages: 3 });
    const callbacks = request.messageIds.map((_, index) => callbackOf(request, index, 'delivered'));
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, callbacks));
    await pass(request, 301);
    await look();
    expect(provider.asked).toEqual([]);
    expect(await ledger.states(request)).toEqual(['DELIVERED', 'DELIVERED', 'DELIVERED']);
  });

  it('P3: never sends again what is sent at most once, and lets a later word overrule the verdict', async () => {
    const { look, sent, pass, rows } = on;
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    await look();
    expect(await rows(request)).toMatchObject([{ attempt: 1, rank: 2, reason: 'UNKNOWN_OUTCOME' }]);
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, 'delivered')]));
    expect(await ledger.states(request)).toEqual(['DELIVERED']);
  });

  it('P4: sends again what is sent at least once, three times at most, and only after an unknown outcome was written', async () => {
    const { look, sent, send, pass, rows } = on;
    const request = await sent(() => UNKNOWN, { deliveryGuarantee: 'AT_LEAST_ONCE' });
    for (const attempt of [2, 3]) {
      await pass(request, 301);
      await look();
      expect(await ledger.states(request)).toEqual(['QUEUED']);
      expect(await rows(request)).toMatchObject([{ attempt, rank: null, reason: 'NOT_FOUND_AT_PROVIDER' }]);
      await send(await nextTurn(request), () => UNKNOWN);
    }
    await pass(request, 301);
    await look();
    expect(await rows(request)).toMatchObject([{ attempt: 3, rank: 2, reason: 'UNKNOWN_OUTCOME' }]);
    const history = await steps(request);
    expect(history.map(({ state, attempt }) => `${String(attempt)} ${String(state)}`)).toEqual([
      ...['1 UNKNOWN', '2 QUEUED', '2 UNKNOWN', '3 QUEUED', '3 UNKNOWN', '3 FAILED'],
    ]);
  });

  it('P4: does not send again what expires before its turn', async () => {
    const { look, sent, pass, rows } = on;
    const request = await sent(() => UNKNOWN, { deliveryGuarantee: 'AT_LEAST_ONCE', validForMs: 50_000 });
    await pass(request, 301);
    await look();
    expect(await rows(request)).toMatchObject([{ attempt: 1, rank: 2, reason: 'UNKNOWN_OUTCOME' }]);
  });

  it('P4: does not send again what a callback told of while the provider was asked', async () => {
    const { provider, look, sent, pass, rows, checker } = on;
    const request = await sent(() => UNKNOWN, { deliveryGuarantee: 'AT_LEAST_ONCE' });
    await pass(request, 301);
    const { find } = provider;
    const busy = {
      ...provider,
      find: async (sought: SoughtMessage) => {
        await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, 'sent')]));
        return find(sought);
      },
    };
    await look({ ...checker(), channel: busy });
    expect(await ledger.states(request)).toEqual(['SENT']);
    expect(await rows(request)).toMatchObject([{ attempt: 1, rank: 40 }]);
  });

  it('does not tell two unknown messages of one text to one number apart, until their deadline', async () => {
    const { provider, look, sent, pass, dueInSeconds } = on;
    const requests = [await sent(() => UNKNOWN), await sent(() => UNKNOWN)];
    provider.list = [{ id: 'SM1', body: 'text 0', status: 'sent' }];
    for (const request of requests) await pass(request, 400);
    await look();
    for (const request of requests) {
      expect(await ledger.states(request)).toEqual(['UNKNOWN']);
      expect(await dueInSeconds(request)).toBe(200);
      await pass(request, DAY_SECONDS);
    }
    await look();
    for (const request of requests) expect(await ledger.states(request)).toEqual(['FAILED']);
  });

  it('does not take another message’s id for that of a message with the same text and number', async () => {
    const { provider, look, sent, accepted, pass } = on;
    const channelAccountId = newId();
    const known = await sent(accepted, { channelAccountId });
    const request = await sent(() => UNKNOWN, { channelAccountId });
    provider.list = [{ id: 'SM0', body: 'text 0', status: 'delivered' }];
    await pass(request, 301);
    await look();
    expect(await ledger.states(request)).toEqual(['FAILED']);
    expect(await ledger.states(known)).toEqual(['SENT']);
  });

  it('decides nothing while the provider cannot say, asks it once and then later, and decides at the deadline', async () => {
    const { provider, look, sent, pass, dueInSeconds } = on;
    const request = await sent(() => UNKNOWN, { messages: 20 });
    provider.isAway = true;
    await pass(request, 400);
    await look();
    expect(new Set(await ledger.states(request))).toEqual(new Set(['UNKNOWN']));
    // Those whose questions were on their way when the first was not answered.
    expect(provider.asked.length).toBeLessThanOrEqual(4);
    expect(await dueInSeconds(request)).toBe(200);
    await pass(request, DAY_SECONDS);
    await look();
    expect(new Set(await ledger.states(request))).toEqual(new Set(['FAILED']));
  });

  it('waits for a sender that cannot be used', async () => {
    const { checker, look, sent, pass, dueInSeconds } = on;
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    await look(checker(async () => ({ kind: 'unusable', why: 'CHANNEL_DISABLED' })));
    expect(await ledger.states(request)).toEqual(['UNKNOWN']);
    expect(await dueInSeconds(request)).toBeGreaterThan(60);
  });
});
