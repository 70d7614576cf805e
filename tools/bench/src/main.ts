import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { configureLogs } from '@herald/telemetry';
import { Command, InvalidArgumentError, Option } from 'commander';
import { runBench } from './run-bench';
import { SCENARIOS, type Scenario } from './scenarios';
import type { BusName } from './system';

interface Options {
  bus?: BusName;
  only?: readonly Scenario[];
  seconds: number;
  runs: number;
  messages: number;
  backlog: number;
  profile?: string;
  profileProcess?: string;
}

const SECONDS_DEFAULT = 30;
const RUNS_DEFAULT = 3;
const MESSAGES_DEFAULT = 200_000;
const BACKLOG_DEFAULT = 3_000_000;
const ORGANISATIONS = 100;

/** Measures how fast Herald is, and how fast a bare loop is on the same machine in the same run. */
async function main(): Promise<void> {
  await new Command('bench')
    .description('measure how fast Herald is against bare loops on the same machine')
    .addOption(new Option('--bus <name>', 'over which bus; both if not said').choices(['kafka', 'in-process']))
    .option('--only <name...>', `some of: ${SCENARIOS.map(({ name }) => name).join(', ')}`, scenarioNamed)
    .option('--seconds <number>', 'how long a run lasts, at least', whole, SECONDS_DEFAULT)
    .option('--runs <number>', 'how often everything runs, in turn; medians count', whole, RUNS_DEFAULT)
    .option('--messages <number>', 'messages of a backlog that is drained', whole, MESSAGES_DEFAULT)
    .option('--backlog <number>', 'messages of the huge backlog of --only backlog', whole, BACKLOG_DEFAULT)
    .option('--profile <directory>', 'write CPU profiles there, and tell what costs most per message')
    .option('--profile-process <name>', 'of which process: dispatch, gateway, …, or herald in one process')
    .action(run)
    .parseAsync();
}

async function run(options: Options): Promise<void> {
  configureLogs({ level: 'silent' });
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  const { seconds, runs, messages, backlog, bus, only, profile, profileProcess } = options;
  print(`Commit ${commit()}, Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`);
  const lines: Record<string, unknown>[] = [];
  // Over Kafka last: what the last line tells is the system as it runs in production.
  for (const each of bus ? [bus] : (['in-process', 'kafka'] as const)) {
    const line = await runBench({
      ...{
        bus: each,
        runs,
        sizes: { seconds, messages, backlog, organisations: ORGANISATIONS },
        env: process.env,
        print,
      },
      scenarios: only ?? SCENARIOS.filter(({ byDefault }) => byDefault),
      profile: profile === undefined ? undefined : { folder: resolve(profile), processName: profileProcess },
    });
    lines.push(line);
  }
  for (const line of lines) print(JSON.stringify(line));
  if (lines.some(({ faults }) => faults !== 0)) process.exitCode = 1;
}

/** Of the working tree, with a sign where it is not what was committed. */
function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--abbrev=12'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function scenarioNamed(name: string, earlier: readonly Scenario[] = []): readonly Scenario[] {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (!scenario) throw new InvalidArgumentError('There is no scenario of this name.');
  return [...earlier, scenario];
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It is a whole number from 1 on.');
  return number;
}

main().then(
  // A broker's client that was joining its group may hold its connection for a minute more.
  () => process.exit(),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
