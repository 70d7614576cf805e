/** How a text travels as SMS: `units` are septets or UTF-16 code units, as the encoding counts. */
export interface SegmentCount {
  segments: number;
  encoding: 'GSM-7' | 'UCS-2';
  units: number;
}

// 3GPP TS 23.038 §6.2.1: the default alphabet, and the extension whose characters take two septets.
const BASIC =
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà';
const EXTENSION = '\f^{}\\[~]|€';

const ONE_PART = { 'GSM-7': 160, 'UCS-2': 70 } as const;
/** In a text of several parts each gives up the room of a header of six bytes. */
const EACH_PART = { 'GSM-7': 153, 'UCS-2': 67 } as const;

/** Septets by character code; 0 where GSM-7 has no such character. The Euro sign is its highest code. */
const SEPTETS = new Uint8Array(0x20ad);
for (const character of BASIC) SEPTETS[character.charCodeAt(0)] = 1;
for (const character of EXTENSION) SEPTETS[character.charCodeAt(0)] = 2;

/**
 * Counts the segments that a text is billed and paced by. Our own table, because the provider's published calculator
 * takes 736 µs for 125 characters; a spec holds the two together.
 */
export function countSegments(text: string): SegmentCount {
  let units = 0;
  for (let at = 0; at < text.length; at += 1) {
    const septets = SEPTETS[text.charCodeAt(at)] ?? 0;
    if (septets === 0) return countWide(text);
    units += septets;
  }
  if (units <= ONE_PART['GSM-7']) return { segments: 1, encoding: 'GSM-7', units };
  const room = EACH_PART['GSM-7'];
  // Without characters of two septets nothing can straddle a boundary.
  const segments = units === text.length ? Math.ceil(units / room) : countParts(septetsOf(text), room);
  return { segments, encoding: 'GSM-7', units };
}

function countWide(text: string): SegmentCount {
  const units = text.length;
  if (units <= ONE_PART['UCS-2']) return { segments: 1, encoding: 'UCS-2', units };
  const room = EACH_PART['UCS-2'];
  const segments = STANDS_ALONE.test(text) ? Math.ceil(units / room) : countParts(piecesOf(text, room), room);
  return { segments, encoding: 'UCS-2', units };
}

/** Fills parts in turn; what belongs together is not torn apart, and starts the next part when it does not fit. */
function countParts(sizes: Iterable<number>, room: number): number {
  let parts = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > room) {
      parts += 1;
      used = 0;
    }
    used += size;
  }
  return parts;
}

function* septetsOf(text: string): Iterable<number> {
  for (let at = 0; at < text.length; at += 1) yield SEPTETS[text.charCodeAt(at)] ?? 0;
}

/** Latin, Greek, Cyrillic, Chinese, Japanese and Korean letters, and signs: nothing in a text of them joins its neighbour. */
const STANDS_ALONE = new RegExp(
  `^[${[
    '\\u0000-\\u02ff\\u0370-\\u0482\\u048a-\\u052f',
    '\\u2010-\\u2027\\u2030-\\u205e\\u20a0-\\u20bf',
    '\\u3000-\\u3029\\u3041-\\u3096\\u30a0-\\u30ff\\u4e00-\\u9fff\\uac00-\\ud7a3\\uff01-\\uff60',
  ].join('')}]*$`,
);

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
/**
 * Newer rules join consonants across a virama, and all rules the two characters of a line's end; the provider's
 * calculator does neither. The vowels AM of Thai and Lao are letters by name, but belong to what stands before them.
 */
const INNER_BOUNDARY = /(?<=\r)(?=\n)|(?<=[\p{M}\u200d])(?![\u0e33\u0eb3])(?=\p{L})/u;

/** The sizes of what a phone shows as one character. One that is larger than a part is torn between its code points. */
function* piecesOf(text: string, room: number): Iterable<number> {
  for (const { segment } of graphemes.segment(text)) {
    if (segment.length === 1) yield 1;
    else if (segment.length > room) for (const point of segment) yield point.length;
    else for (const piece of segment.split(INNER_BOUNDARY)) yield piece.length;
  }
}
