import type { CheckLedgerResponse, Message, MessageState } from '@herald/contracts/dispatch';
import {
  allMessages,
  connect,
  makeSampleOrganisation,
  type simulatorControl,
  type Connection,
  type KeptProcess,
} from '@herald/herald-cli';
import { removeLocalServer, startLocalServer } from '@herald/postgres/local-server';
import { startInOrder, type Parts, type Running } from '@herald/service';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { Arming, Victim } from './arming';
import type { BusName } from './hurt';
import { insistently, type Caller } from './load';

/** A whole Herald with all that surrounds it in reach, to be hurt. */
export interface Target extends Running {
  bus: BusName;
  arming: Arming;
  provider: ReturnType<typeof simulatorControl>;
  callers: readonly (Caller & Connection)[];
  /** The processes of a service, or all. */
  victims(service?: string): Victim[];
  /** Processes that may leave and join. */
  movers: readonly KeptProcess[];
  /** Undefined where events stay in the process. */
  broker: { address: string; stop(): Promise<void>; start(): Promise<void> } | undefined;
  /** Kills the database with all its connections, as a power cut would. */
  killPostgres(): Promise<void>;
  startPostgres(): Promise<void>;
  /** The messages that stand in slices without an outcome. */
  open(): Promise<string[]>;
  /** Remembers which do now. */
  noteOpen(): Promise<void>;
  /** All that was remembered so. */
  openAtKill: ReadonlySet<string>;
}

/** The environment that processes inherit. */
export type Inherited = Readonly<Record<string, string | undefined>>;

/** Enough that every replica of dispatch has some to send for. */
const ORGANISATIONS = Array.from({ length: 8 }, (_, index) => `chaos-${index + 1}`);
const LOOK_EVERY_MS = 1_000;
const TRIES_MAX = 20;
const BACK_WITHIN_MS = 90_000;
const LOOK_AT_PROCESS_EVERY_MS = 20;

/** The start of a target, in parts: where it does not come up whole, what it has started is stopped. */
export function wholeOrNothing(start: (parts: Parts, inherited: Inherited, plant: string) => Promise<Target>) {
  return async (inherited: Inherited, plant: string): Promise<Target> => {
    const parts = startInOrder();
    try {
      return await start(parts, inherited, plant);
    } catch (error) {
      await parts.stop().catch(() => undefined);
      throw error;
    }
  };
}

/** Makes the folder of a target, which goes last of all parts, after the database in it. */
export async function homeOf(parts: Parts): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'herald-chaos-'));
  await parts.add(async () => ({ stop: () => rm(home, { recursive: true, force: true }) }));
  await parts.add(async () => ({ stop: () => removeLocalServer(join(home, 'postgres')) }));
  return home;
}

/** Makes an organisation for each caller, and connects them. */
export async function openCallers(parts: Parts, home: string, simulatorUrl: string): Promise<(Caller & Connection)[]> {
  const callers: (Caller & Connection)[] = [];
  await parts.add(async () => ({ stop: async () => callers.forEach(({ close }) => close()) }));
  for (const org of ORGANISATIONS) {
    const connection = await connect(home, {}, { org, scopes: ['configure', 'send', 'read'], subject: 'chaos' });
    const sample = await makeSampleOrganisation(connection, { org, simulatorUrl });
    callers.push({ ...connection, outboundConfigurationId: sample.outboundConfigurationId });
  }
  return callers;
}

/** What a target has of its database. */
export function databaseOf(home: string, port: number) {
  const openAtKill = new Set<string>();
  const server = () => startLocalServer({ directory: join(home, 'postgres'), port });
  const ask = async <Row extends object>(question: string): Promise<Row[]> => {
    const client = new Client({ connectionString: (await server()).url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(question)).rows;
    } finally {
      await client.end();
    }
  };
  const open = async () => (await ask<{ id: string }>(OPEN_MESSAGES)).map(({ id }) => id);
  return {
    openAtKill,
    // Connections of the one that was killed may hold its memory for a moment more.
    startPostgres: () => patiently(async () => void (await server())),
    killPostgres: async () => {
      const [row] = await ask<{ folder: string }>(`select current_setting('data_directory') as folder`);
      const [pid] = (await readFile(join(row?.folder ?? '', 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGKILL');
    },
    open,
    noteOpen: async () => {
      for (const id of await open()) openAtKill.add(id);
    },
  };
}

/** Claimed, and without an outcome: what a death at this moment may leave unknown. */
const OPEN_MESSAGES = `
  select message.id
    from dispatch.slice
    join dispatch.message on message.org_id = slice.org_id and message.batch_id = slice.batch_id
                         and message.position between slice.lo and slice.hi
   where message.rank is null and message.expired_at is null`;

async function patiently(act: () => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
      await pause(LOOK_EVERY_MS);
    }
  }
}

/** Resolves when another process runs in the place of the one that has died, and is ready. */
export async function isBack(victim: Victim, died: number | undefined): Promise<void> {
  const deadline = performance.now() + BACK_WITHIN_MS;
  while (victim.pid === died || victim.pid === undefined) {
    if (performance.now() > deadline) throw new Error(`${victim.name} did not come back`);
    await pause(LOOK_AT_PROCESS_EVERY_MS);
  }
  await victim.ready();
}

/** Kills a process, notes what was open, and resolves when another runs in its place. */
export async function kill(target: Target, victim: Victim): Promise<void> {
  const { pid } = victim;
  victim.signal('SIGKILL');
  await target.noteOpen();
  await isBack(victim, pid);
}

/** What the ledger of each organisation says of itself. */
export function ledgersOf({ callers }: Target): Promise<CheckLedgerResponse[]> {
  const check = ({ dispatch }: Caller) => dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });
  return Promise.all(
    callers.map((caller) =>
      insistently(
        () => check(caller),
        () => undefined,
      ),
    ),
  );
}

/** Every message of every organisation, or every one in some states. */
export async function messagesOf({ callers }: Target, states: readonly MessageState[] = []): Promise<Message[]> {
  return (await Promise.all(callers.map((caller) => allMessages(caller, states)))).flat();
}
