const GSM_BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
);
const GSM_EXTENDED = new Set('^{}\\[~]|€\f');

/**
 * How many segments the text takes: 160 septets in one, 153 in each of several; 70 UTF-16 units in one, 67 in each of several
 * as soon as one character is outside the GSM 7-bit alphabet. No escape pair and no surrogate pair is cut in two.
 */
export function countSegments(body: string): number {
  const widths: number[] = [];
  let gsm = true;
  for (const character of body) {
    if (GSM_EXTENDED.has(character)) widths.push(2);
    else if (GSM_BASIC.has(character)) widths.push(1);
    else {
      gsm = false;
      break;
    }
  }
  if (gsm) return pack(widths, 160, 153);
  return pack(
    Array.from(body, (character) => character.length),
    70,
    67,
  );
}

function pack(widths: readonly number[], alone: number, joined: number): number {
  const total = widths.reduce((sum, width) => sum + width, 0);
  if (total <= alone) return 1;
  let segments = 1;
  let used = 0;
  for (const width of widths) {
    if (used + width > joined) {
      segments += 1;
      used = 0;
    }
    used += width;
  }
  return segments;
}
