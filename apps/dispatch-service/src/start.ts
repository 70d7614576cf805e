import { BatchReady, ConfigurationChanged } from '@herald/contracts/event';
import { ConfigurationServiceClient } from '@herald/contracts/configuration';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { TemplateServiceClient } from '@herald/contracts/template';
import { partitionOf, type Bus, type BusRecord } from '@herald/bus';
import { twilioSms } from '@herald/channels';
import { grpcClient, grpcServer, serviceTokens, tokenVerifier } from '@herald/grpc';
import { auditService, openDatabase, outboxRelay, type Database } from '@herald/postgres';
import {
  newId,
  startInOrder,
  type Clock,
  type DatabaseConfig,
  type GrpcConfig,
  type Parts,
  type Running,
} from '@herald/service';
import { counter, currentTraceparent, gauge, histogram, logger } from '@herald/telemetry';
import { encodeAcceptance } from './accept/wire';
import { DISPATCH_ACCESS } from './access';
import { subjectsOf } from './control/subjects';
import { configurationCache } from './configurations/configuration-cache';
import { callbackConsumer } from './delivery/callback-consumer';
import { startOutcomeChecker } from './delivery/outcome-checker';
import { eventOf, type EventDeps } from './events';
import { migrations } from './migrations';
import { hurtChannel } from './send/hurt-channel';
import { startDispatcher, type Dispatcher, type DispatcherDeps } from './send/dispatcher';
import { nameShards } from './own/lease';
import { holdLeases, type Leases } from './own/leases';
import { recorder } from './record/recorder';
import { senderDirectory } from './send/senders';
import { dispatchService } from './service';
import type { DropDeps } from './upkeep/drop-months';
import { RETENTION_DEFAULT, type Retention } from './upkeep/retention';
import { startUpkeep } from './upkeep/start-upkeep';

/** What dispatch-service is started with. */
export interface DispatchConfig {
  grpc: GrpcConfig;
  database: DatabaseConfig;
  /** `host:port` of template-service. */
  templateUrl: string;
  /** `host:port` of configuration-service. */
  configurationUrl: string;
  /** Fixed at installation: the shard of an organisation or sender must not change under its open batches. */
  shards: number;
  /** Names this process in the leases it holds. */
  instance: string;
  /** Owns every shard, from its start and whoever held it: the one process of a home, whose former self is dead. */
  ownsAll: boolean;
  /** How long an unknown outcome waits for word of the provider before the provider is asked; 300 s when left out. */
  lookUpAfterSeconds?: number | undefined;
  /** Requests under way at once to one account of a provider, at most; 100 when left out. */
  accountRequestsMax?: number | undefined;
  /** How long what requests left is kept; what is undefined is as in RETENTION_DEFAULT. */
  retention?: { [Kept in keyof Retention]: number | undefined };
}

/** As long as reliability.md §3.4 gives a callback. */
const LOOK_UP_AFTER_SECONDS = 300;
/** What Twilio is said to take of one account; it is not published. */
const ACCOUNT_REQUESTS_MAX = 100;
const SERVICE = 'dispatch';
const log = logger('dispatch-service');
const onError = (error: unknown) => log.error('Work failed and is tried again.', { error });

/** What the service shares with the others of its installation. */
interface Ports {
  bus: Bus;
  clock: Clock;
}

/** Starts dispatch-service: the database first, the server last, so that no call meets a part that is not there. */
export async function start(config: DispatchConfig, { bus, clock }: Ports): Promise<Running & { port: number }> {
  const parts = startInOrder();
  const monotonicMs = () => clock.monotonicMs();
  const shardOf = (key: string) => partitionOf(key, config.shards);
  const events: EventDeps = { newId, now: () => clock.now(), chance: Math.random, shardOf };
  const database = await parts.add(async () => {
    const opened = await openDatabase({ ...config.database, service: SERVICE, migrations });
    return { ...opened, stop: () => opened.close() };
  });
  const clients = await openClients(parts, config);
  const senders = senderDirectory({ configurations: clients.configurations, monotonicMs });
  const cache = configurationCache({ ...clients, monotonicMs });
  const { dispatcher, leases } = await startSending(parts, config, { ...events, database, senders, monotonicMs });
  // Partitions of the topic of batches are the shards. The one process of a home is told of none: it owns all.
  if (config.ownsAll) leases.want(Array.from({ length: config.shards }, (_, shard) => shard));
  const onAssigned = config.ownsAll ? () => {} : (shards: readonly number[]) => leases.want(shards);
  const drop = (org: string) => [cache, senders].forEach((held) => held.drop(org));
  // They stop before what their handlers use, and their partitions go to other replicas before the leases do.
  await parts.add(async () => subscribe({ bus, events }, { database, dispatcher, onAssigned, drop }));
  const relay = await startRelay(parts, { bus, database });
  const retention = {
    messageDays: config.retention?.messageDays ?? RETENTION_DEFAULT.messageDays,
    bodyDays: config.retention?.bodyDays ?? RETENTION_DEFAULT.bodyDays,
  };
  const onDropped: DropDeps['onDropped'] = (month) => log.info('A month is kept no longer.', month);
  await parts.add(async () => startUpkeep({ database, retention, onDropped, onError }));

  const implementation = dispatchService({
    ...{ ...events, database, configurations: cache, currentTraceparent, encode: encodeAcceptance },
    ...{ onPlanned: countPlanned, subjects: subjectsOf(clients.configurations) },
    oldestEventAgeMs: () => relay.oldestAgeMs(),
    requestsPerHourMax: async (org, signal) => {
      const { settings } = await clients.configurations.getOrganizationSettings({}, { org, signal });
      if (!settings) throw new Error('configuration-service answered without settings');
      return settings.requestsPerHourMax;
    },
  });
  const server = await parts.add(() =>
    grpcServer({
      ...config.grpc,
      services: [
        { definition: DispatchServiceService, implementation, access: DISPATCH_ACCESS },
        auditService(database),
      ],
      identity: tokenVerifier(config.grpc.identity),
      // Events wait in the outbox while the bus is away: it is no reason to take no calls.
      health: { calls: { database: () => database.ping() }, background: { bus: () => bus.ping() } },
      onError: ({ error, errorId, method }) => log.error('A call failed.', { error, errorId, method }),
      onCertificateProblem: (error) => log.error('Renewed certificate files cannot be used.', { error }),
      onHealthChange: (failing) => log.warn('The health changed.', { failing: failing.join(' ') }),
    }),
  );
  return { port: server.port, stop: () => parts.stop() };
}

/** The services that dispatch asks: what to send with, and what texts. */
async function openClients(parts: Parts, { grpc, configurationUrl, templateUrl }: DispatchConfig) {
  const { issuer, audience, servicePrivateKey } = grpc.identity;
  const tokens = serviceTokens({ service: SERVICE, privateKey: servicePrivateKey, issuer, audience });
  const settings = { token: (org?: string) => tokens.token(org), ...(grpc.tls ? { tls: grpc.tls } : {}) };
  const configurations = grpcClient(ConfigurationServiceClient, { url: configurationUrl, ...settings });
  const templates = grpcClient(TemplateServiceClient, { url: templateUrl, ...settings });
  const stop = async () => [configurations, templates].forEach((client) => client.close());
  return parts.add(async () => ({ configurations, templates, stop }));
}

/** Takes the leases and starts the dispatcher over them. */
async function startSending(
  parts: Parts,
  config: DispatchConfig,
  deps: EventDeps & Pick<DispatcherDeps, 'database' | 'senders' | 'monotonicMs'>,
): Promise<{ dispatcher: Dispatcher; leases: Leases }> {
  const { database, monotonicMs } = deps;
  const { instance, ownsAll, lookUpAfterSeconds = LOOK_UP_AFTER_SECONDS } = config;
  const { accountRequestsMax = ACCOUNT_REQUESTS_MAX } = config;
  const { channel } = await parts.add(async () => {
    const adapter = twilioSms();
    return { channel: hurtChannel(adapter), stop: () => adapter.close() };
  });
  const leases = await parts.add(async () => {
    await database.worker((tx) => nameShards(tx, config.shards));
    return holdLeases({ database, instance, takeOver: ownsAll, monotonicMs, onError });
  });
  const onFlushed = (outcomes: number) => histogram('herald.record.flushed').record(outcomes, {});
  const dispatcher = await parts.add(async () =>
    startDispatcher({
      ...{ ...deps, leases, channel, accountRequestsMax, onError },
      recorder: recorder({ ...deps, onError, onFlushed }),
      onClaimed: (messages) => counter('herald.slice.claimed').add(messages, {}),
      onOutcomes: (kind, messages) => counter('herald.send.outcome').add(messages, { kind }),
      onUnknown: (messages) => counter('herald.recovery.unknown').add(messages, {}),
      onBreaker: ({ channelId, transition }) =>
        counter('herald.breaker.changed').add(1, { scope: channelId === null ? 'account' : 'sender', to: transition }),
    }),
  );
  await parts.add(async () =>
    startOutcomeChecker({
      ...{ ...deps, leases, channel, onError, lookUpAfterMs: lookUpAfterSeconds * 1000 },
      onAnswer: (result) => counter('herald.outcome.asked').add(1, { result }),
    }),
  );
  await parts.add(async () => {
    const openOf = (scope: 'account' | 'sender') =>
      gauge('herald.breaker.open', { scope }, async () => dispatcher.openBreakers()[scope]);
    const ends = [openOf('account'), openOf('sender')];
    return { stop: async () => ends.forEach((end) => end()) };
  });
  return { dispatcher, leases };
}

/** Hears of batches, of the provider's callbacks, and of what changed elsewhere. */
function subscribe(
  { bus, events }: { bus: Bus; events: EventDeps },
  deps: {
    database: Database;
    dispatcher: Dispatcher;
    onAssigned(shards: readonly number[]): void;
    drop(org: string): unknown;
  },
): Running {
  const { database, dispatcher, onAssigned, drop } = deps;
  const settle = callbackConsumer({
    ...{ ...events, database },
    onSettled: ({ changed, ignored, contradictions }) => {
      counter('herald.callback.settled').add(changed, { result: 'changed' });
      counter('herald.callback.settled').add(ignored, { result: 'ignored' });
      counter('herald.callback.settled').add(contradictions, { result: 'contradiction' });
    },
  });
  const group = 'dispatch-service';
  const batches = bus.subscribe({
    topic: 'herald.dispatch.v1',
    ...{ group, onAssigned },
    handler: async (records) => announceAll(dispatcher, events, records),
  });
  const callbacks = bus.subscribe({ topic: 'herald.callback.v1', group, handler: settle });
  const changes = bus.subscribe({
    topic: 'herald.configuration.v1',
    group,
    // Every replica has a cache of its own to drop from.
    sharing: 'each-replica',
    handler: async (records) => {
      for (const record of records)
        drop(eventOf(record, 'herald.event.v1.ConfigurationChanged', ConfigurationChanged).orgId);
    },
  });
  return {
    stop: async () => {
      await Promise.all([batches, callbacks, changes].map((each) => each.stop()));
    },
  };
}

async function startRelay(parts: Parts, { bus, database }: { bus: Bus; database: Database }) {
  const relay = outboxRelay({
    database,
    publish: (records) => bus.publish(records),
    source: 'dispatch-service',
    onError,
  });
  await parts.add(async () => {
    relay.start();
    return relay;
  });
  await parts.add(async () => {
    const end = gauge('herald.outbox.oldest_age', { service: SERVICE }, async () => (await relay.oldestAgeMs()) / 1000);
    return { stop: async () => end() };
  });
  return relay;
}

/** A record is done with when its batch is known: the batch stands in Postgres, and a send may take its time. */
function announceAll(dispatcher: Dispatcher, { now }: EventDeps, records: readonly BusRecord[]): void {
  for (const record of records) {
    const { traceparent } = record;
    const event = eventOf(record, 'herald.event.v1.BatchReady', BatchReady);
    const { orgId, batchId, channelId, priority, shard, readyTime } = event;
    const readyInMs = readyTime ? readyTime.getTime() - now().getTime() : 0;
    dispatcher.announce({ org: orgId, id: batchId, channelId, priority, shard, readyInMs, traceparent });
  }
}

function countPlanned(outcomes: Readonly<Record<'accepted' | 'refused' | 'skipped', number>>): void {
  counter('herald.request.accepted').add(1, {});
  for (const [outcome, contacts] of Object.entries(outcomes)) {
    if (contacts > 0) counter('herald.contact.planned').add(contacts, { outcome });
  }
}
