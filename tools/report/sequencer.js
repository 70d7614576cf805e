const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * Specs over Kafka go first, those of whole systems and those of the bus in turns: the former take a core, the latter mostly
 * wait. Then come those of processes. Their files are short and their runs the longest: jest, which on a fresh checkout
 * begins with the largest file, left the longest of them for the end, where it ran alone for three minutes.
 */
module.exports = class extends Sequencer {
  sort(tests) {
    const groups = Object.groupBy(super.sort(tests), ({ path }) => groupOf(path));
    const { systems = [], bus = [], processes = [], others = [] } = groups;
    const inTurns = systems.flatMap((test, at) => [test, ...bus.slice(at, at + 1)]);
    return [...inTurns, ...bus.slice(systems.length), ...processes, ...others];
  }
};

function groupOf(path) {
  const isTool = path.includes('/tools/');
  if (path.endsWith('.kafka.spec.ts')) return isTool ? 'systems' : 'bus';
  return isTool && /\.(int|e2e)\.spec\.ts$/.test(path) ? 'processes' : 'others';
}
