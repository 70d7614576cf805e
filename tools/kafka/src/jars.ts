import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = resolve(__dirname, '..');
const CACHE = resolve(HERE, '../../node_modules/.cache/herald-kafka');
const FETCH_WITHIN_MS = 240_000;

/** Runs a program to its end. Throws with its name where it is not installed. */
export async function runProgram(program: 'java' | 'mvn', args: readonly string[], timeout = 0): Promise<void> {
  await run(program, args, { timeout }).catch((error: unknown) => {
    throw isMissing(error) ? notInstalled(program, error) : error;
  });
}

/** The error of a broker that cannot be had here. */
export function notInstalled(program: string, cause: unknown): Error {
  return new Error(`there is no ${program} on the PATH: a local broker needs a Java 17 runtime and Maven`, { cause });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** The jars of a broker, and which version it is. */
export interface BrokerJars {
  directory: string;
  version: string;
}

/**
 * Fetches what `pom.xml` names by Maven, once for each state of it, and keeps it with the other packages. Two at once
 * do no harm: the folder appears whole, under its final name, or not at all.
 */
export async function brokerJars(pomHash: string): Promise<BrokerJars> {
  const directory = join(CACHE, pomHash);
  if (!existsSync(directory)) {
    await mkdir(CACHE, { recursive: true });
    const making = await mkdtemp(`${directory}-`);
    const goal = ['-q', '-B', '-f', join(HERE, 'pom.xml'), 'dependency:copy-dependencies'];
    await runProgram('mvn', [...goal, `-DoutputDirectory=${making}`], FETCH_WITHIN_MS);
    // Another process may have been quicker; its folder is as good.
    await rename(making, directory).catch(() => undefined);
  }
  const jars = await readdir(directory);
  const version = jars.map((jar) => /^kafka-clients-(.+)\.jar$/.exec(jar)?.[1]).find((found) => found !== undefined);
  if (version === undefined) throw new Error(`${dirname(directory)} holds no Kafka; remove it and start again`);
  return { directory, version };
}
