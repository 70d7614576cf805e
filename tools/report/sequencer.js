const { default: Sequencer } = require('@jest/test-sequencer');

/**
 * Specs of whole systems over Kafka go first. Their files are short and their runs the longest: jest, which on a fresh
 * checkout begins with the largest file, left the longest of them for the end, where it ran alone for three minutes.
 */
module.exports = class extends Sequencer {
  sort(tests) {
    const isLong = ({ path }) => path.endsWith('.kafka.spec.ts') && path.includes('/tools/');
    const sorted = super.sort(tests);
    return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
  }
};
