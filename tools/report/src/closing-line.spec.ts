import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaOf, tallyOf } from './closing-line';
import type { RunResult } from './closing-line';

const NOTHING: RunResult = {
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numRuntimeErrorTestSuites: 0,
  wasInterrupted: false,
};

describe('tallyOf', () => {
  it('counts what passed, failed and was left out', () => {
    const result = { ...NOTHING, numPassedTests: 5, numFailedTests: 2, numPendingTests: 1, numTodoTests: 1 };
    expect(tallyOf(result)).toEqual({ passed: 5, failed: 2, skipped: 2 });
  });

  it('counts a file that does not load as a failure', () => {
    expect(tallyOf({ ...NOTHING, numRuntimeErrorTestSuites: 1 })).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('counts a run that was broken off as a failure', () => {
    expect(tallyOf({ ...NOTHING, numPassedTests: 3, wasInterrupted: true })).toEqual({
      passed: 3,
      failed: 1,
      skipped: 0,
    });
  });
});

describe('kafkaOf', () => {
  it('tells which broker the tests of a run had', () => {
    const run = mkdtempSync(join(tmpdir(), 'herald-report-'));
    writeFileSync(join(run, 'kafka.json'), JSON.stringify({ broker: '127.0.0.1:9092', version: '4.4.0' }));
    expect(kafkaOf(run)).toEqual({ kafka: '4.4.0' });
    rmSync(run, { recursive: true });
  });

  it('tells of none where no test had one', () => {
    expect(kafkaOf(undefined)).toEqual({});
  });
});
