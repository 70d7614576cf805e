import type { Command } from 'commander';
import { locate } from '../client/connect';
import { askStatus } from '../status/ask-status';
import { judgeStatus, type Finding } from '../status/judge-status';
import { readSystemFile } from '../system/system-file';
import { scopesOf, withCallOptions, type CallOptions } from './add-verbs';
import type { CommandContext } from './context';
import { fail } from './failure';
import { show } from './show';

/** Adds the command that tells whether all is well, and exits 1 where it is not. */
export function addStatus(root: Command, context: CommandContext): void {
  const status = root
    .command('status')
    .description('show whether the system is well and how its sending goes, and what to do where it is not');
  withCallOptions(status, context, 'operator').action((options: CallOptions) =>
    tellStatus(options, context).catch((error: unknown) => fail(error, options.json)),
  );
}

async function tellStatus({ home, org, scope, json }: CallOptions, { environment }: CommandContext): Promise<void> {
  const scopes = scopesOf(scope);
  const located = await locate(home, environment);
  const isRunning = Object.keys(located.urls).length > 0;
  if (!isRunning) {
    process.exitCode = 1;
    return print(json, { isRunning, ...(await readSystemFile(home)) });
  }
  const facts = await askStatus({ home, environment, org, scopes }, located);
  const findings = judgeStatus(facts);
  const isHealthy = findings.every(({ next }) => next === undefined);
  if (!isHealthy) process.exitCode = 1;
  const answer = { isRunning, isHealthy, ...located.running };
  if (json === true) return print(json, { ...answer, findings, ...facts });
  process.stdout.write(`${tableOf(findings)}\n\n`);
  print(json, answer);
}

function print(json: boolean | undefined, answer: object): void {
  process.stdout.write(`${json === true ? JSON.stringify(answer) : show(answer)}\n`);
}

function tableOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ item }) => item.length));
  return findings
    .map(({ item, value, next }) => {
      const line = `${next === undefined ? ' ' : '!'} ${item.padEnd(width)}  ${value}`;
      return next === undefined ? line : `${line}\n${' '.repeat(width + 4)}${next}`;
    })
    .join('\n');
}
