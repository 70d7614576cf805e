import type { Ledger } from './database';
import { faultsOf, type RunEvidence } from './judge';
import type { Organisation } from './organisations';
import type { Post } from './poster';
import { watchUsage, type Usage } from './processes';
import type { Profiler } from './profile/profiler';
import type { collectorProcess, sinkProcess, verifierProcess } from './provider/processes';
import type { Latency } from './statistics';
import type { MeasuredSystem } from './system';

/** Everything that a scenario measures with. */
export interface Bench {
  system: MeasuredSystem;
  ledger: Ledger;
  sinks: {
    atOnce: Awaited<ReturnType<typeof sinkProcess>>;
    slow: Awaited<ReturnType<typeof sinkProcess>>;
    /** Answers at once, and reports sent and delivered. */
    reporting: Awaited<ReturnType<typeof sinkProcess>>;
  };
  verifier: Awaited<ReturnType<typeof verifierProcess>>;
  collector: Awaited<ReturnType<typeof collectorProcess>>;
  /** What the product sent to a sink: what the bare loops send. */
  request: Post;
  profiler: Profiler | undefined;
  sizes: Sizes;
  /** How many contacts a second were accepted when it was last looked at: by it is decided when a backlog may leave. */
  acceptPerS: number;
}

/** How much is measured. */
export interface Sizes {
  /** How long a run lasts at least. */
  seconds: number;
  /** Messages of a backlog that is drained. */
  messages: number;
  /** Messages of the backlog of three million. */
  backlog: number;
  /** Organisations of the backlog of a hundred. */
  organisations: number;
}

/** What one run came to. */
export interface RunResult {
  perS: number;
  messages: number;
  seconds: number;
  latency?: Latency | undefined;
  /** Connections open at the sink at once, and messages under way there, at most. */
  connections?: number;
  open?: number;
  usage: Record<string, Usage>;
  faults: string[];
  /** What only this scenario has to tell. */
  more?: Record<string, number>;
}

/** Under way at most from callers to the ledger where the whole way is measured: enough that nobody waits for work. */
export const WINDOW_MESSAGES = 5_000;
/** Requests of callers under way at once. */
export const CALLERS = 8;
/** Accounts of a backlog of one organisation. */
export const ACCOUNTS = 2;
/** As many requests to one account are under way at once as dispatch allows: the default of `HERALD_ACCOUNT_REQUESTS_MAX`. */
export const PLACES_PER_ACCOUNT = 100;
/** As many connections as the product needs for all of these. */
export const CONNECTIONS = ACCOUNTS * PLACES_PER_ACCOUNT;

/** Watches what all processes use, and profiles one where that is wanted, while something is measured. */
export async function measured<T>(
  bench: Bench,
  name: string,
  work: () => Promise<T & { messages: number }>,
): Promise<T & { messages: number; usage: Record<string, Usage> }> {
  const { system, sinks, verifier, collector, profiler } = bench;
  const processes = {
    ...(await system.processes()),
    ...{ sink: sinks.atOnce.pid, 'slow-sink': sinks.slow.pid, 'reporting-sink': sinks.reporting.pid },
    ...{ verifier: verifier.pid, collector: collector.pid, bench: process.pid },
  };
  const watch = await watchUsage(processes);
  const senderPid = (await system.processes())[profiler?.processName ?? ''];
  await profiler?.begin(senderPid);
  const done = await work();
  const usage = await watch.end();
  await profiler?.end(senderPid, { name, messages: done.messages });
  return { ...done, usage };
}

/** What is wrong with a run, by what its organisations' ledgers say now. */
export async function examine(
  { ledger }: Bench,
  organisations: readonly Organisation[],
  evidence: Omit<RunEvidence, 'ledgers'>,
): Promise<string[]> {
  const ledgers: RunEvidence['ledgers'][number][] = [];
  // One after the other: a hundred at once would wait for each other beyond their deadlines.
  for (const { connection } of organisations) {
    ledgers.push(
      await connection.dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' }, { deadlineMs: LEDGER_MS_MAX }),
    );
  }
  const outbox = await ledger.outbox();
  return faultsOf({ ...evidence, ledgers, outbox: Math.max(outbox, evidence.outbox) });
}

/** A ledger of three million rows takes its time. */
const LEDGER_MS_MAX = 300_000;
