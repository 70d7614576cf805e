import fastCheck from 'fast-check';
import { SegmentedMessage } from 'sms-segments-calculator';
import { countSegments } from './segments';

describe('countSegments', () => {
  it.each([
    ['a'.repeat(160), 1],
    ['a'.repeat(161), 2],
    ['€'.repeat(80), 1],
    ['€'.repeat(81), 2],
    ['ж'.repeat(70), 1],
    ['ж'.repeat(71), 2],
  ])('counts the edges: %#', (text, segments) => {
    expect(countSegments(text)).toBe(segments);
  });

  it('agrees with the reference calculator', () => {
    const characters = fastCheck.constantFrom('a', 'é', '€', '[', '\n', '@', 'ж', '😀', ' ');
    const texts = fastCheck.array(characters, { minLength: 1, maxLength: 300 }).map((parts) => parts.join(''));
    fastCheck.assert(
      fastCheck.property(texts, (text) => countSegments(text) === new SegmentedMessage(text).segmentsCount),
      { numRuns: 100 },
    );
  });
});
