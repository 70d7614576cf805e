import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** What a run came to, in the form other programs read. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
  /** The version of the broker that the tests had; absent where none asked for one. */
  kafka?: string;
}

/** The part of jest's aggregated result the tally is made from. */
export interface RunResult {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numRuntimeErrorTestSuites: number;
  wasInterrupted: boolean;
}

/** A file that does not even load has no failed tests of its own, so it counts as one; so does a run that was broken off. */
export function tallyOf(result: RunResult): Tally {
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + result.numRuntimeErrorTestSuites + (result.wasInterrupted ? 1 : 0),
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

/** Which broker the tests of a run had, by the file that the first of them left in the run's folder. */
export function kafkaOf(run: string | undefined): Pick<Tally, 'kafka'> {
  try {
    const { version } = JSON.parse(readFileSync(join(run ?? '', 'kafka.json'), 'utf8')) as { version: string };
    return { kafka: version };
  } catch {
    // No test asked for a broker, or none came up, which has failed those that did.
    return {};
  }
}

const STDOUT = 1;

/**
 * A jest reporter whose last word is one line of JSON: `{"passed":N,"failed":N,"skipped":N}`,
 * with `"kafka":"<version>"` behind where there was a broker.
 *
 * It is written when the process ends, because jest's global teardown comes after the reporters and may print. A run
 * that dies before its end prints no line, and whoever reads it takes that for a failure.
 */
export class ClosingLine {
  /** `run` gives the folder of the run, which its set-up makes after the reporters are there. */
  constructor(private readonly run: () => string | undefined) {}

  onRunComplete(_contexts: unknown, result: RunResult): void {
    const line = JSON.stringify({ ...tallyOf(result), ...kafkaOf(this.run()) });
    process.once('exit', () => writeSync(STDOUT, `${line}\n`));
  }
}
