import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { MessageState, type CheckLedgerResponse } from '@herald/contracts/dispatch';
import {
  allMessages,
  connect,
  makeSampleOrganisation,
  simulatorControl,
  startDistributed,
  type Connection,
  type DistributedSystem,
  type ReplicaCounts,
} from '@herald/herald-cli';
import { startLocalBroker, stopLocalBroker } from '@herald/local-kafka';
import { startLocalServer, removeLocalServer } from '@herald/postgres/local-server';
import { startInOrder, type Running } from '@herald/service';
import { Client } from 'pg';
import type { AcceptedMessage, Evidence } from './judge';
import { beginLoad, type Caller, type Load } from './load';

/** The distributed system with everything around it in reach, to be hurt. */
export interface Target extends Running {
  system: DistributedSystem;
  /** `host:port` of the broker. */
  broker: string;
  /** A connection string of a superuser of the database. */
  databaseUrl: string;
  stopBroker(): Promise<void>;
  startBroker(): Promise<void>;
  startPostgres(): Promise<void>;
  /** Kills the database with all its connections, as a power cut would. */
  killPostgres(): Promise<void>;
  beginLoad(): Load;
  /** Waits until every message has come to its end, or for so long; and what then is known of these. */
  settle(accepted: readonly AcceptedMessage[], withinMs: number): Promise<Evidence>;
  /** What the ledger of each organisation says of itself. */
  ledgers(): Promise<CheckLedgerResponse[]>;
}

/** Enough that every replica of dispatch has some to send for. */
const ORGANISATIONS = Array.from({ length: 6 }, (_, index) => `chaos-${index + 1}`);
const LOOK_EVERY_MS = 1_000;
const TRIES_MAX = 20;
const OPEN = new Set<MessageState>([
  MessageState.QUEUED,
  MessageState.SENDING,
  MessageState.SENT,
  MessageState.UNKNOWN,
]);

/** Starts the distributed system on a folder of its own, with a broker and a PostgreSQL that nobody else uses. */
export async function startTarget(
  inherited: Readonly<Record<string, string | undefined>>,
  replicas: ReplicaCounts,
): Promise<Target> {
  const home = await mkdtemp(join(tmpdir(), 'herald-chaos-'));
  const parts = startInOrder();
  await parts.add(async () => ({ stop: () => rm(home, { recursive: true, force: true }) }));
  const postgres = join(home, 'postgres');
  await parts.add(async () => ({ stop: () => removeLocalServer(postgres) }));
  const directory = join(home, 'kafka');
  const { broker } = await parts.add(() => startLocalBroker({ directory }));
  const brokerPort = Number(broker.slice(broker.lastIndexOf(':') + 1));
  const system = await parts.add(() =>
    startDistributed({
      ...{ home, portBase: 0, inherited, replicas },
      environment: { HERALD_KAFKA_BROKERS: [broker] },
      simulator: { faults: '', outcomes: 'delivered=1' },
    }),
  );
  const { ports, simulator } = system.file;
  const callers: (Caller & Connection)[] = [];
  await parts.add(async () => ({ stop: async () => callers.forEach(({ close }) => close()) }));
  for (const org of ORGANISATIONS) {
    const connection = await connect(home, {}, { org, scopes: ['configure', 'send', 'read'], subject: 'chaos' });
    const sample = await makeSampleOrganisation(connection, { org, simulatorUrl: simulator?.url ?? '' });
    callers.push({ ...connection, outboundConfigurationId: sample.outboundConfigurationId });
  }
  const database = () => startLocalServer({ directory: postgres, port: ports.postgres });
  const control = simulatorControl(simulator?.control ?? '');
  const { url: databaseUrl } = await database();
  return {
    ...{ system, broker, databaseUrl },
    stop: () => parts.stop(),
    stopBroker: () => stopLocalBroker(directory),
    startBroker: async () => void (await startLocalBroker({ directory, port: brokerPort })),
    // Connections of the one that was killed may hold its memory for a moment more.
    startPostgres: () => insistently(async () => void (await database())),
    killPostgres: async () => void process.kill(await postmasterOf(databaseUrl), 'SIGKILL'),
    beginLoad: () => beginLoad(callers),
    settle: async (accepted, withinMs) => {
      const deadline = performance.now() + withinMs;
      for (;;) {
        const messages = (await Promise.all(callers.map(allMessages))).flat();
        const states = new Map(messages.map(({ id, state }) => [id, state]));
        const isSettled = accepted.every(({ id }) => !OPEN.has(states.get(id) ?? MessageState.QUEUED));
        if (isSettled || performance.now() > deadline) return { accepted, states, receipts: await control.all() };
        await pause(LOOK_EVERY_MS);
      }
    },
    ledgers: () =>
      Promise.all(callers.map(({ dispatch }) => dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' }))),
  };
}

async function postmasterOf(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ folder: string }>(`select current_setting('data_directory') as folder`);
  await client.end();
  const [pid] = (await readFile(join(rows[0]?.folder ?? '', 'postmaster.pid'), 'utf8')).split('\n');
  return Number(pid);
}

async function insistently(act: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
      await pause(LOOK_EVERY_MS);
    }
  }
}
