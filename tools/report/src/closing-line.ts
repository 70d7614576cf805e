import { writeSync } from 'node:fs';

/** What a run came to, in the form other programs read. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
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

const STDOUT = 1;

/**
 * A jest reporter whose last word is one line of JSON: `{"passed":N,"failed":N,"skipped":N}`.
 *
 * It is written when the process ends, because jest's global teardown comes after the reporters and may print. A run
 * that dies before its end prints no line, and whoever reads it takes that for a failure.
 */
export class ClosingLine {
  onRunComplete(_contexts: unknown, result: RunResult): void {
    const line = JSON.stringify(tallyOf(result));
    process.once('exit', () => writeSync(STDOUT, `${line}\n`));
  }
}
