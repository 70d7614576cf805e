import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { program } from '@herald/herald-cli';
import type { Scope } from '@herald/grpc';
import type { RunningHerald } from './running-herald';

/** What a command wrote, and how it ended. */
export interface Ended {
  out: string;
  err: string;
  exitCode: typeof process.exitCode;
}

/** The command `herald`, as a user of one organisation with a token in a file. */
export interface HeraldCommand {
  /** For what a spec writes; gone when it stops. */
  readonly folder: string;
  run(...words: string[]): Promise<Ended>;
  /** The same with other variables in its environment. */
  runAt(changed: Readonly<Record<string, string>>, ...words: string[]): Promise<Ended>;
  stop(): Promise<void>;
}

/** Makes the command against a running system. A run leaves the exit code of the process as it was. */
export async function heraldCommand(
  herald: RunningHerald,
  user: { org: string; scopes: readonly Scope[] },
): Promise<HeraldCommand> {
  const folder = await mkdtemp(join(tmpdir(), 'herald-command-'));
  await writeFile(join(folder, 'token'), await herald.tokens.userToken(user));
  const { template, configuration, dispatch } = herald.urls;
  const given = {
    ...{ HERALD_TEMPLATE_URL: template, HERALD_CONFIGURATION_URL: configuration, HERALD_DISPATCH_URL: dispatch },
    HERALD_TOKEN_FILE: join(folder, 'token'),
  };
  const runAt: HeraldCommand['runAt'] = async (changed, ...words) => {
    const written = { out: '', err: '' };
    const before = process.exitCode;
    process.exitCode = undefined;
    const spies = [
      jest.spyOn(process.stdout, 'write').mockImplementation((text) => (written.out += String(text)) !== ''),
      jest.spyOn(process.stderr, 'write').mockImplementation((text) => (written.err += String(text)) !== ''),
    ];
    try {
      const environment = { ...given, ...changed };
      await program({ environment, inherited: {}, home: folder }).parseAsync(['node', 'herald', ...words]);
      return { ...written, exitCode: process.exitCode };
    } finally {
      for (const spy of spies) spy.mockRestore();
      process.exitCode = before;
    }
  };
  return {
    ...{ folder, runAt },
    run: (...words) => runAt({}, ...words),
    stop: () => rm(folder, { recursive: true, force: true }),
  };
}
