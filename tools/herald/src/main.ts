import { resolve } from 'node:path';
import { EnvironmentError, readEnvironment } from '@herald/service';
import { configureLogs } from '@herald/telemetry';
import { program } from './commands/program';
import { HOME_DEFAULT } from './system/home';

/** The command line and the one-process system: reads the environment, and hands everything else on. */
async function main(): Promise<void> {
  const environment = readEnvironment(process.env);
  // Whoever pipes into `head` has enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  configureLogs({ level: environment.HERALD_LOG_LEVEL ?? 'info' });
  const home = resolve(environment.HERALD_HOME ?? HOME_DEFAULT);
  await program({ environment, inherited: process.env, home }).parseAsync();
}

main().catch((error: unknown) => {
  if (!(error instanceof EnvironmentError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
});
