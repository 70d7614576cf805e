import { costsOf, type CpuProfile } from './costs';

describe('costsOf', () => {
  const frame = (id: number, functionName: string, url: string) => ({
    ...{ id, callFrame: { functionName, url, lineNumber: 0, columnNumber: 0 } },
  });
  const profile: CpuProfile = {
    nodes: [
      frame(1, '(idle)', ''),
      frame(2, '(garbage collector)', ''),
      frame(3, 'claim', 'file:///anywhere/apps/dispatch-service/src/claim/claim.ts'),
      frame(4, 'write', 'file:///anywhere/node_modules/undici/lib/client.js'),
      frame(5, 'read', 'file:///anywhere/node_modules/undici/lib/parser.js'),
      frame(6, 'read', 'file:///anywhere/node_modules/@opentelemetry/api/build/index.js'),
      frame(7, 'post', 'node:inspector'),
    ],
    samples: [1, 2, 3, 4, 5, 5, 6, 7],
    timeDeltas: [500, 100, 300, 100, 200, 200, 100, 900],
  };

  it('adds up what each file and package cost by itself for a message, without what is nobody’s work', () => {
    expect(costsOf(profile, 10)).toEqual([
      { place: 'undici', functions: ['read', 'write'], usPerMessage: 50, share: 0.5 },
      { place: 'apps/dispatch-service/src/claim/claim.ts', functions: ['claim'], usPerMessage: 30, share: 0.3 },
      { place: '(garbage collector)', functions: ['(garbage collector)'], usPerMessage: 10, share: 0.1 },
      { place: '@opentelemetry/api', functions: ['read'], usPerMessage: 10, share: 0.1 },
    ]);
  });
});
