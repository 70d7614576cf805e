import { TWO_OF_EACH } from '@herald/herald-cli';
import { configureLogs } from '@herald/telemetry';
import { Command, InvalidArgumentError } from 'commander';
import { runScenario, type Outcome } from './run-scenario';
import { SCENARIOS, type Scenario } from './scenarios';
import { startTarget } from './target';

const SECONDS_DEFAULT = 20;

/** Hurts the distributed system under load, and proves what became of every accepted message. */
async function main(): Promise<void> {
  await new Command('chaos')
    .description('hurt the distributed system under load, and prove what became of every accepted message')
    .option('--only <name...>', `some of: ${SCENARIOS.map(({ name }) => name).join(', ')}`, scenarioNamed)
    .option('--seconds <number>', 'how long each is hurt, at least', seconds, SECONDS_DEFAULT)
    .action(run)
    .parseAsync();
}

async function run({ only, seconds: length }: { only?: readonly Scenario[]; seconds: number }): Promise<void> {
  configureLogs({ level: 'silent' });
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  print('Starting two processes of each service, a broker, a PostgreSQL and a simulator …');
  const target = await startTarget({ HERALD_LOG_LEVEL: 'silent', ...process.env }, TWO_OF_EACH);
  const outcomes: Outcome[] = [];
  try {
    for (const scenario of only ?? SCENARIOS) {
      print(`${scenario.name} (${scenario.promise}): ${scenario.text} …`);
      const outcome = await runScenario(scenario, target, length);
      outcomes.push(outcome);
      print(`  ${JSON.stringify(outcome)}`);
    }
  } finally {
    await target.stop();
  }
  print(JSON.stringify(sumOf(outcomes)));
  if (outcomes.some(({ faults }) => faults.length > 0)) process.exitCode = 1;
}

function sumOf(outcomes: readonly Outcome[]) {
  const total = (count: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + count(outcome), 0);
  return {
    ...{ bus: 'kafka', runs: outcomes.length },
    accepted: total(({ accepted }) => accepted),
    lost: total(({ lost }) => lost),
    duplicated: total(({ duplicated }) => duplicated),
    unknown: total(({ unknown }) => unknown),
    unresolved: total(({ unresolved }) => unresolved),
    unheard: total(({ unheard }) => unheard),
    pauseMsMax: Math.max(0, ...outcomes.map(({ pauseMsMax }) => pauseMsMax)),
    requestMsMax: Math.max(0, ...outcomes.map(({ requestMsMax }) => requestMsMax)),
  };
}

function scenarioNamed(name: string, earlier: readonly Scenario[] = []): readonly Scenario[] {
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (!scenario) throw new InvalidArgumentError(`There is no scenario of this name.`);
  return [...earlier, scenario];
}

function seconds(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InvalidArgumentError('It is a whole number of seconds.');
  return number;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
