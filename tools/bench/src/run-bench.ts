import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeLocalServer } from '@herald/postgres/local-server';
import { startInOrder, type Parts } from '@herald/service';
import { accept, send } from './accept';
import { untilDone } from './backlog';
import { CALLERS, CONNECTIONS, type Bench, type RunResult, type Sizes } from './bench';
import { postOf } from './ceilings';
import { openLedger, readDurability } from './database';
import { AUTH_TOKEN, letGo, makeOrganisation, REQUESTS_PER_HOUR, SEGMENTS_PER_SECOND } from './organisations';
import { makeProfiler, profilerEnvironment, type Profiler } from './profile/profiler';
import { collectorProcess, sinkProcess, verifierProcess } from './provider/processes';
import { costTableOf, lineOf, tableOf, usageTableOf, type Results } from './report';
import { SLOW_MS, type Scenario } from './scenarios';
import { startMeasured, type BusName, type MeasuredSystem } from './system';

/** What is to be measured. */
export interface BenchSettings {
  bus: BusName;
  scenarios: readonly Scenario[];
  /** How often all of them run, one after the other. */
  runs: number;
  sizes: Sizes;
  /** Which process to profile, and where to. */
  profile?: { folder: string; processName: string | undefined } | undefined;
  env: Readonly<Record<string, string | undefined>>;
  print(line: string): void;
}

/** By these the user ends it, and every process that it started. */
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const INTERRUPTED_EXIT_CODE = 130;
/** Of how many messages a sink notes one. */
const NOTE_EVERY = 64;
/** Enough to have everything compiled, cached and connected before a clock runs. */
const WARM_UP_CONTACTS = 3_000;

/** Starts the system over one bus, measures, and returns the fields of its line. */
export async function runBench(settings: BenchSettings): Promise<Record<string, unknown>> {
  const { bus, scenarios, runs, print } = settings;
  const parts = startInOrder();
  const interrupted = () => void parts.stop().finally(() => process.exit(INTERRUPTED_EXIT_CODE));
  for (const signal of SIGNALS) process.once(signal, interrupted);
  try {
    const bench = await startBench(parts, settings);
    const results = new Map<string, RunResult[]>(scenarios.map(({ name }) => [name, []]));
    for (let run = 1; run <= runs; run += 1) {
      for (const scenario of scenarios) {
        const result = await scenario.run(bench);
        results.get(scenario.name)?.push(result);
        print(
          `${bus} run ${run} ${scenario.name}: ${Math.round(result.perS)}/s of ${result.messages} in ${result.seconds.toFixed(1)} s`,
        );
        for (const fault of result.faults) print(`  FAULT ${fault}`);
      }
    }
    // One trace in a hundred is recorded, so that the few calls of a warm-up may leave none.
    if ((await bench.collector.exports()) === 0) print('No trace was exported: telemetry is not as in production.');
    printTables(print, results);
    return lineOf(bus, bench.system.senderName, results);
  } finally {
    await parts.stop();
    for (const signal of SIGNALS) process.off(signal, interrupted);
  }
}

function printTables(print: (line: string) => void, results: Results): void {
  print(
    `\n${tableOf(results)}\n\nPeak memory and processor time of each process, of the last run:\n${usageTableOf(results)}\n`,
  );
}

async function startBench(parts: Parts, settings: BenchSettings): Promise<Bench> {
  const { bus, print, sizes, profile } = settings;
  print(
    `Starting the system over ${bus === 'kafka' ? 'Kafka, one process of each service' : 'the bus in its one process'} …`,
  );
  const home = await mkdtemp(join(tmpdir(), 'herald-bench-'));
  await parts.add(async () => ({ stop: () => rm(home, { recursive: true, force: true }) }));
  // Of a root caller its data is elsewhere.
  await parts.add(async () => ({ stop: () => removeLocalServer(join(home, 'postgres')) }));
  const collector = await parts.add(collectorProcess);
  const callbacks = { authToken: AUTH_TOKEN, connections: CONNECTIONS };
  const sinks = {
    atOnce: await parts.add(() => sinkProcess({ delayMs: 0, noteEvery: NOTE_EVERY })),
    slow: await parts.add(() => sinkProcess({ delayMs: SLOW_MS, noteEvery: NOTE_EVERY })),
    reporting: await parts.add(() => sinkProcess({ delayMs: 0, noteEvery: NOTE_EVERY, callbacks })),
  };
  const verifier = await parts.add(() => verifierProcess({ authToken: AUTH_TOKEN }));
  const processName = profile?.processName ?? (bus === 'kafka' ? 'dispatch' : 'herald');
  const env = {
    HERALD_LOG_LEVEL: 'warn',
    ...settings.env,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    ...(profile ? profilerEnvironment(profile.folder, processName) : {}),
  };
  const system = await startMeasured(parts, { bus, home, env });
  const ledger = await parts.add(async () => {
    const opened = await openLedger(system.databaseUrl);
    return { ...opened, stop: () => opened.close() };
  });
  await printConditions(print, system);
  const started = { system, ledger, sinks, verifier, collector, sizes };
  const bench: Bench = { ...started, ...(await warmUp(started)), profiler: undefined };
  return profile ? { ...bench, profiler: await profilerOf(settings, profile.folder, processName) } : bench;
}

function profilerOf({ bus, print }: BenchSettings, folder: string, processName: string): Promise<Profiler> {
  print(`  ${processName} is profiled, which costs a few in a hundred; the profiles are in ${folder}.`);
  return makeProfiler({
    ...{ folder, processName, prefix: bus },
    onCosts: (costs, file) => print(`\n${file}\n${costTableOf(costs)}\n`),
  });
}

async function printConditions(print: (line: string) => void, { databaseUrl }: MeasuredSystem): Promise<void> {
  const { version, fsync, synchronousCommit } = await readDurability(databaseUrl);
  print(`  PostgreSQL ${version}: fsync ${fsync}, synchronous_commit ${synchronousCommit}`);
  print(`  Quota raised by the organisations' settings to ${REQUESTS_PER_HOUR} requests an hour.`);
  print(
    `  Each sender is paced at ${SEGMENTS_PER_SECOND} segments a second; ${CALLERS} callers, ${CONNECTIONS} connections.`,
  );
}

/** Sends a few thousand messages, and takes from the sink what one of them looked like: the bare loops send the same. */
async function warmUp({
  system,
  sinks,
  ledger,
}: Omit<Bench, 'request' | 'acceptPerS' | 'profiler'>): Promise<Pick<Bench, 'request' | 'acceptPerS'>> {
  const organisation = await makeOrganisation(system, { sinkUrl: sinks.atOnce.url, accounts: 1, senders: 1 });
  const { accepted, seconds } = await accept({
    ...{ organisations: [organisation], callers: CALLERS, goesOn: (begun) => begun < WARM_UP_CONTACTS },
  });
  await untilDone({ ledger }, [organisation], accepted);
  // One by itself, when nothing else comes in any more.
  await send(organisation.connection, organisation.configurationIds[0] ?? '', { contacts: 1 });
  await untilDone({ ledger }, [organisation], 1);
  letGo([organisation]);
  const last = await sinks.atOnce.lastMessage();
  if (!last) throw new Error('no message came to the sink');
  return { request: postOf(last), acceptPerS: accepted / seconds };
}
