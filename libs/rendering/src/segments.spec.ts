import fc from 'fast-check';
import { SegmentedMessage } from 'sms-segments-calculator';
import { countSegments } from './segments';

/** The provider's own published calculator, without its replacing of look-alikes, which Herald does not do. */
const oracle = (text: string) => {
  const message = new SegmentedMessage(text, 'auto');
  return { segments: Math.max(1, message.segmentsCount), encoding: message.encodingName };
};
const ours = (text: string) => {
  const { segments, encoding } = countSegments(text);
  return { segments, encoding };
};
const alphabet = (characters: string) => fc.string({ unit: fc.constantFrom(...characters), maxLength: 700 });

describe('countSegments', () => {
  it.each([
    ['', 1, 'GSM-7', 0],
    ['a'.repeat(160), 1, 'GSM-7', 160],
    ['a'.repeat(161), 2, 'GSM-7', 161],
    ['a'.repeat(306), 2, 'GSM-7', 306],
    ['a'.repeat(307), 3, 'GSM-7', 307],
    ['€'.repeat(80), 1, 'GSM-7', 160],
    ['€'.repeat(81), 2, 'GSM-7', 162],
    [`${'a'.repeat(152)}€${'a'.repeat(10)}`, 2, 'GSM-7', 164],
    ['я'.repeat(70), 1, 'UCS-2', 70],
    ['я'.repeat(71), 2, 'UCS-2', 71],
    ['😀'.repeat(35), 1, 'UCS-2', 70],
    [`${'я'.repeat(66)}😀я`, 1, 'UCS-2', 69],
    [`${'я'.repeat(66)}😀${'я'.repeat(66)}`, 3, 'UCS-2', 134],
  ])('counts %j', (text, segments, encoding, units) => {
    expect(countSegments(text)).toEqual({ segments, encoding, units });
  });

  it.each([
    ['GSM-7', 'abcXYZ019 @£$ñü\n'],
    ['GSM-7 with its extension', 'abc^{}[]~|€\\'],
    ['Cyrillic and Greek', 'абвгд Ωλ'],
    ['Chinese and Japanese', '你好世界こんにちは'],
    ['Arabic and Hebrew', 'مرحبا שלום'],
    ['Devanagari', 'नमस्तेक्षत्रज्ञहिन्दी\u200d\u200c '],
    ['Bengali, Tamil and Thai', 'ক্ষবাংলাதமிழ்க்ஷกำดี '],
    ['Korean letters and syllables', '\u1100\u1161\u11a8한국'],
    ['combining marks', 'aez\u0300\u0301я'],
    ['flags', '🇩🇪🇫🇷🇪x'],
    ['ends of lines in wide text', 'я\r\n'],
    ['emoji', 'a😀🎉é'],
  ])('agrees with the calculator of the provider on %s', (_name, characters) => {
    fc.assert(
      fc.property(alphabet(characters), (text) => expect(ours(text)).toEqual(oracle(text))),
      { numRuns: 150 },
    );
  });

  it('knows each character of GSM-7 that the calculator of the provider knows, and no other', () => {
    for (let code = 1; code < 0x2100; code += 1) {
      const text = String.fromCharCode(code);
      if (text === '\r') continue;
      expect([text, countSegments(text).encoding]).toEqual([text, oracle(text).encoding]);
    }
  });

  it('counts the septets that the calculator of the provider counts', () => {
    fc.assert(
      fc.property(alphabet('abc ^{}[]~|€\\\n\r'), (text) => {
        expect(countSegments(text).units).toBe(new SegmentedMessage(text, 'GSM-7').numberOfCharacters);
      }),
    );
  });

  it('has room for every text in its parts, and tears no pair of surrogates nor of an escape', () => {
    const room = { 'GSM-7': [160, 153], 'UCS-2': [70, 67] } as const;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (text) => {
        const { segments, encoding, units } = countSegments(text);
        const [one, each] = room[encoding];
        expect(units).toBeLessThanOrEqual(segments === 1 ? one : segments * each);
      }),
    );
  });

  it('tears a character that no part can hold, and bills its marks', () => {
    expect(countSegments(`я${'\u0301'.repeat(670)}`)).toEqual({ segments: 11, encoding: 'UCS-2', units: 671 });
  });
});
