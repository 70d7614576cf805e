import type { OutgoingMessage, SendOutcome } from '@herald/channels';
import type { Database } from '@herald/postgres';
import { startDispatcher, type Dispatcher } from '../src/send/dispatcher';
import { holdLeases, type Leases } from '../src/own/leases';
import { recorder, type Recorder } from '../src/record/recorder';
import type { Sender, Senders, SenderState } from '../src/send/senders';
import { checkLedger } from '../src/reports/check-ledger';
import { deps, ORG, SHARD, type TestLedger } from './ledger';

/** Keeps what it is sent, and answers as it is told. */
export class ProviderThatCounts {
  readonly received: OutgoingMessage[] = [];
  /** When each came, by the monotonic clock of this process. */
  readonly receivedAtMs: number[] = [];

  constructor(private readonly answer: (message: OutgoingMessage) => Promise<SendOutcome> = acceptAll) {}

  readonly send = async (message: OutgoingMessage, _access: unknown, mayLeave = () => true): Promise<SendOutcome> => {
    if (!mayLeave()) return { kind: 'not_sent', retryAfterMs: 1_000, reason: 'SEND_WINDOW_MISSED' };
    this.received.push(message);
    this.receivedAtMs.push(performance.now());
    return this.answer(message);
  };

  /** How often each text came; texts of a spec are its messages. */
  receipts(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { statusCallbackUrl } of this.received) {
      const id = new URL(statusCallbackUrl).searchParams.get('m') ?? '';
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }
}

/** Says yes to a message, as the provider does. */
export async function acceptAll({ statusCallbackUrl }: OutgoingMessage): Promise<SendOutcome> {
  const id = new URL(statusCallbackUrl).searchParams.get('m')?.replaceAll('-', '') ?? '';
  return { kind: 'accepted', providerId: `SM${id}`, status: 'queued', rank: 20 };
}

/** What a spec may choose about an instance. */
export interface InstanceChoice {
  name?: string;
  /** The shards that it wants; that of the ledger's requests if left out. */
  shards?: readonly number[];
  database?: Database;
  provider?: ProviderThatCounts;
  senders?: Partial<Senders>;
  recorder?: Partial<Recorder>;
  accountRequestsMax?: number;
  monotonicMs?(): number;
}

/** A sender that can be used. */
export function usable(changes: Partial<Sender> = {}): SenderState {
  return {
    kind: 'usable',
    sender: {
      ...{ channelAccountId: 'account', address: '+14255550100', segmentsPerSecond: 10_000 },
      access: { accountId: 'AC1', apiBaseUrl: '', secret: 'secret' },
      statusWebhookUrl: 'https://herald.example/v1/twilio/status/segment',
      ...changes,
    },
  };
}

/** What sends in one process: leases, lanes and recorder on a real database, before a provider of the spec. */
export interface Instance {
  provider: ProviderThatCounts;
  leases: Leases;
  dispatcher: Dispatcher;
  errors: unknown[];
  stop(): Promise<void>;
}

/** The instances of a describe block: each is stopped after its test, and leaves a ledger that adds up. */
export function instancesOf(ledger: () => TestLedger): { start(choice?: InstanceChoice): Promise<Instance> } {
  const running: Instance[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((instance) => instance.stop()));
    expect((await checkLedger(ledger().database, ORG, undefined)).discrepancies).toEqual([]);
  });
  return {
    start: async (choice) => {
      const instance = await startInstance(ledger(), choice);
      running.push(instance);
      return instance;
    },
  };
}

/** Starts what sends, as the service does, for the shard of the ledger's requests. */
export async function startInstance(ledger: TestLedger, choice: InstanceChoice = {}): Promise<Instance> {
  const { name = 'one', database = ledger.database, provider = new ProviderThatCounts() } = choice;
  const monotonicMs = choice.monotonicMs ?? (() => performance.now());
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const leases = holdLeases({ database, instance: name, takeOver: false, monotonicMs, onError });
  leases.want(choice.shards ?? [SHARD]);
  const recorded = { ...recorder({ ...deps, database, onError, onFlushed: () => {} }), ...choice.recorder };
  const dispatcher = startDispatcher({
    ...{ ...deps, database, leases, monotonicMs, onError, channel: provider, recorder: recorded },
    senders: { find: async () => usable(), drop: () => {}, ...choice.senders },
    accountRequestsMax: choice.accountRequestsMax ?? 100,
    ...{ onClaimed: () => {}, onOutcomes: () => {}, onUnknown: () => {}, onBreaker: () => {} },
  });
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await dispatcher.stop();
    await leases.stop();
  };
  return { provider, leases, dispatcher, errors, stop: () => (stopped ??= stop()) };
}
