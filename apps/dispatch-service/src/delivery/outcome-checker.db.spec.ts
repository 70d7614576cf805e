import type { SendOutcome, SoughtMessage } from '@herald/channels';
import type { Tx } from '@herald/postgres';
import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { callbackOf } from '../../test/callbacks';
import { usable } from '../../test/instance';
import {
  deps,
  ORG,
  SHARD,
  testLedger,
  type RequestChoice,
  type StoredRequest,
  type TestLedger,
} from '../../test/ledger';
import { ProviderWithAList } from '../../test/provider-with-a-list';
import { checkLedger } from '../reports/check-ledger';
import { recordOutcomes } from '../send/record-outcomes';
import type { Senders } from '../send/senders';
import { lookAfter, startOutcomeChecker, type CheckerDeps } from './outcome-checker';
import { settleCallbacks } from './settle-callbacks';

const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'CONNECTION_RESET' };
const DAY_SECONDS = 24 * 3_600;

describe('the outcome checker', () => {
  let ledger: TestLedger;
  let provider: ProviderWithAList;
  let epoch: string;
  let errors: unknown[];

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    provider = new ProviderWithAList();
    epoch = await ledger.lease();
    errors = [];
  });
  afterEach(async () => {
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
    expect(errors).toEqual([]);
  });

  const checker = (find: Senders['find'] = async () => usable()): CheckerDeps => ({
    ...{ ...deps, database: ledger.database, leases: { shards: () => [SHARD] }, senders: { find } },
    ...{ channel: provider, monotonicMs: () => performance.now(), lookUpAfterMs: 295_000 },
    ...{ onError: (error: unknown) => void errors.push(error), onAnswer: () => {} },
  });
  const { signal } = new AbortController();
  const look = (of = checker()) => lookAfter({ ...of, signal });
  /** A request whose sends all came to the outcome. */
  const sent = async (outcome: (index: number) => SendOutcome, choice: RequestChoice = {}) => {
    const request = await ledger.accept({ messages: 1, ...choice });
    await send(request, outcome);
    return request;
  };
  const send = async (request: StoredRequest, outcome: (index: number) => SendOutcome) => {
    const slice = await ledger.claim(request, epoch);
    const outcomes = slice.messages.map((message, index) => ({ slice, message, outcome: outcome(index) }));
    await ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices: [slice] }));
  };
  const accepted = (index: number): SendOutcome => ({
    ...{ kind: 'accepted', providerId: `SM${index}`, status: 'queued', rank: 20 },
  });
  /** Lets so much time pass for a request's messages, and its batches be due. */
  const pass = async (request: StoredRequest, seconds: number) => {
    await ledger.asOwner(
      `update message set outcome_at = outcome_at - make_interval(secs => $2), updated_at = updated_at - make_interval(secs => $2)
        where outbound_request_id = $1`,
      [request.id, seconds],
    );
    await ledger.asOwner(
      `update batch set checked_at = checked_at - make_interval(secs => $2),
              check_at = case when check_at is not null then clock_timestamp() end
        where channel_id = $1`,
      [request.channelId, seconds],
    );
  };
  const rows = (request: StoredRequest) =>
    ledger.asOwner(
      `select attempt, rank, reason, provider_code as "providerCode", provider_id as "providerId"
         from message where outbound_request_id = $1 order by contact_index`,
      [request.id],
    );
  const steps = (request: StoredRequest) =>
    ledger.asOwner(
      `select step.attempt, step.state, step.reason, step.source
         from message_step step join message m on m.org_id = step.org_id and m.id = step.message_id
        where m.outbound_request_id = $1 order by m.contact_index, step.id`,
      [request.id],
    );
  const dueInSeconds = async (request: StoredRequest) => {
    const [row] = await ledger.asOwner<{ seconds: number | null }>(
      `select round(extract(epoch from check_at - clock_timestamp()))::int as seconds from batch where id = $1`,
      [request.batchId],
    );
    return row?.seconds;
  };
  /** The batch of the newest attempt of a request's only message. */
  const nextTurn = async (request: StoredRequest): Promise<StoredRequest> => {
    const [row] = await ledger.asOwner<{ id: string }>(
      'update batch set ready_at = clock_timestamp() from message m where m.batch_id = batch.id and m.id = $1 returning batch.id',
      [request.messageIds[0]],
    );
    return { ...request, batchId: row?.id ?? '' };
  };

  it('P5: asks for an unknown outcome five minutes after it could last have left, and believes what it finds', async () => {
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
    const request = await sent(() => UNKNOWN, { messages: 3 });
    const callbacks = request.messageIds.map((_, index) => callbackOf(request, index, 'delivered'));
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, callbacks));
    await pass(request, 301);
    await look();
    expect(provider.asked).toEqual([]);
    expect(await ledger.states(request)).toEqual(['DELIVERED', 'DELIVERED', 'DELIVERED']);
  });

  it('P3: never sends again what is sent at most once, and lets a later word overrule the verdict', async () => {
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    await look();
    expect(await rows(request)).toMatchObject([{ attempt: 1, rank: 2, reason: 'UNKNOWN_OUTCOME' }]);
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, 'delivered')]));
    expect(await ledger.states(request)).toEqual(['DELIVERED']);
  });

  it('P4: sends again what is sent at least once, three times at most, and only after an unknown outcome was written', async () => {
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
    const request = await sent(() => UNKNOWN, { deliveryGuarantee: 'AT_LEAST_ONCE', validForMs: 50_000 });
    await pass(request, 301);
    await look();
    expect(await rows(request)).toMatchObject([{ attempt: 1, rank: 2, reason: 'UNKNOWN_OUTCOME' }]);
  });

  it('P4: does not send again what a callback told of while the provider was asked', async () => {
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
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    await look(checker(async () => ({ kind: 'unusable', why: 'CHANNEL_DISABLED' })));
    expect(await ledger.states(request)).toEqual(['UNKNOWN']);
    expect(await dueInSeconds(request)).toBeGreaterThan(60);
  });

  it('asks after what stands still, at each age, and says in the end that nothing more is expected', async () => {
    const request = await sent(accepted);
    provider.list = [{ id: 'SM0', body: '', status: 'sent' }];
    for (const [seconds, asked] of [
      [14 * 60, 0],
      [61, 1],
      [2 * 3_600, 2],
      [DAY_SECONDS, 3],
      [DAY_SECONDS, 3],
    ] as const) {
      await pass(request, seconds);
      await look();
      expect(provider.asked).toHaveLength(asked);
    }
    expect(await ledger.states(request)).toEqual(['SENT']);
    await pass(request, 3 * DAY_SECONDS);
    await look();
    expect(await rows(request)).toMatchObject([{ rank: 40, reason: 'DELIVERY_UNCONFIRMED' }]);
    expect(await ledger.states(request)).toEqual(['SENT']);
    expect(await dueInSeconds(request)).toBeNull();
  });

  it('asks again at the next look what the provider could not say of a message that stands still', async () => {
    const request = await sent(accepted);
    provider.isAway = true;
    await pass(request, 901);
    await look();
    provider.isAway = false;
    provider.list = [{ id: 'SM0', body: '', status: 'delivered' }];
    await pass(request, 1);
    await look();
    expect(await ledger.states(request)).toEqual(['DELIVERED']);
  });

  it('P1: looks again at what became unknown while it looked', async () => {
    const request = await ledger.accept({ messages: 2 });
    const slice = await ledger.claim(request, epoch);
    const [first, second] = slice.messages.map((message) => ({ slice, message, outcome: UNKNOWN }));
    const record = (outcome: typeof first, isLast: boolean) =>
      ledger.database.worker((tx) =>
        recordOutcomes(tx, deps, { outcomes: outcome ? [outcome] : [], slices: isLast ? [slice] : [] }),
      );
    await record(first, false);
    await pass(request, 301);
    const busy = {
      lookUp: provider.lookUp,
      find: async (sought: SoughtMessage) => {
        await record(second, true);
        return provider.find(sought);
      },
    };
    await look({ ...checker(), channel: busy });
    expect(await ledger.states(request)).toEqual(['FAILED', 'UNKNOWN']);
    expect(await dueInSeconds(request)).toBe(300);
  });

  it('P1: looks again at what becomes unknown in the moment in which it sets the next time', async () => {
    const request = await ledger.accept({ messages: 2 });
    const slice = await ledger.claim(request, epoch);
    const [first, second] = slice.messages.map((message) => ({ slice, message, outcome: UNKNOWN }));
    const write = (tx: Tx, outcome: typeof first, isLast: boolean) =>
      recordOutcomes(tx, deps, { outcomes: outcome ? [outcome] : [], slices: isLast ? [slice] : [] });
    await ledger.database.worker((tx) => write(tx, first, false));
    await pass(request, 301);
    let recorded: Promise<void> | undefined;
    let commit = () => {};
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    const busy = {
      lookUp: provider.lookUp,
      find: async (sought: SoughtMessage) => {
        await new Promise<void>((written) => {
          recorded = ledger.database.worker(async (tx) => {
            await write(tx, second, true);
            written();
            await mayCommit;
          });
        });
        return provider.find(sought);
      },
    };
    const looked = look({ ...checker(), channel: busy });
    await eventually(async () => {
      const waiting = await ledger.asOwner(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
      expect(waiting).toHaveLength(1);
    });
    commit();
    await Promise.all([looked, recorded]);
    expect(await dueInSeconds(request)).toBe(300);
  });

  it('P1: looks again after a death: what one took and never came back to', async () => {
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    let transactions = 0;
    const dying = {
      ...ledger.database,
      worker: ((work) => {
        transactions += 1;
        return transactions > 1 ? Promise.reject(new Error('killed')) : ledger.database.worker(work);
      }) as typeof ledger.database.worker,
    };
    await expect(look({ ...checker(), database: dying })).rejects.toThrow('killed');
    expect(await dueInSeconds(request)).toBe(300);
    await pass(request, 0);
    await look();
    expect(await ledger.states(request)).toEqual(['FAILED']);
  });

  it('leaves the batches of shards that others own', async () => {
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    expect(await look({ ...checker(), leases: { shards: () => [SHARD + 1] } })).toBe(0);
    expect(await ledger.states(request)).toEqual(['UNKNOWN']);
  });

  it('finds the same when two look at once', async () => {
    const request = await sent(() => UNKNOWN, { messages: 10, deliveryGuarantee: 'AT_LEAST_ONCE' });
    await pass(request, 301);
    const twice = { ...checker(), leases: { shards: () => [SHARD] } };
    const taken = await Promise.all([look(twice), look(twice)]);
    expect(taken.sort()).toEqual([0, 1]);
    expect(new Set((await rows(request)).map(({ attempt }) => attempt))).toEqual(new Set([2]));
  });

  it('works by itself from its start to its stop', async () => {
    const request = await sent(() => UNKNOWN);
    await pass(request, 301);
    const running = startOutcomeChecker(checker());
    await eventually(async () => expect(await ledger.states(request)).toEqual(['FAILED']));
    await running.stop();
  });
});
