import type { RunResult } from './bench';
import { lineOf } from './report';

describe('lineOf', () => {
  const run = (perS: number, more: Partial<RunResult> = {}): RunResult => ({
    ...{ perS, messages: 1, seconds: 1, usage: { dispatch: { rssMb: perS, cpuSeconds: 1 } }, faults: [] },
    ...more,
  });

  it('has medians, ratios to the ceilings of the same bench, the highest peak of memory, and all faults', () => {
    const results = new Map([
      ['ceiling', [run(100), run(300), run(200)]],
      ['drain', [run(80), run(100), run(900)]],
      ['end-to-end-ceiling', [run(50)]],
      ['end-to-end', [run(25, { more: { callbacksPerS: 50 }, faults: ['one', 'two'] })]],
    ]);
    expect(lineOf('kafka', 'dispatch', results)).toMatchObject({
      ...{ bus: 'kafka', ceilingPerS: 200, acceptPerS: null, drainPerS: 100, drainRatio: 0.5 },
      ...{ endToEndCeilingPerS: 50, endToEndPerS: 25, endToEndRatio: 0.5, callbacksPerS: 50, rssMb: 900, faults: 2 },
    });
  });

  it('begins with the fields that are always there, in their order', () => {
    expect(Object.keys(lineOf('kafka', 'dispatch', new Map())).slice(0, 10)).toEqual([
      ...['bus', 'ceilingPerS', 'acceptPerS', 'drainPerS', 'drainRatio', 'endToEndCeilingPerS', 'endToEndPerS'],
      ...['endToEndRatio', 'callbacksPerS', 'rssMb'],
    ]);
  });
});
