import { HeraldError } from '@herald/errors';

/**
 * Cuts a list that arrives in parts into chunks of one size, whatever the parts are; only the last may be shorter. A part
 * is asked for when what is there makes no chunk, so that less than one chunk and one part are ever held. Throws
 * MESSAGE_TOO_LARGE where a chunk has more than so many bytes: parts that bring little each would else be held for ever.
 */
export async function* chunksOf<Item>(
  parts: AsyncIterable<readonly Item[]>,
  size: number,
  { bytesOf, bytesMax }: { bytesOf(item: Item): number; bytesMax: number },
): AsyncGenerator<Item[]> {
  let held: Item[] = [];
  let bytes = 0;
  for await (const part of parts) {
    for (const item of part) {
      held.push(item);
      bytes += bytesOf(item);
      if (bytes > bytesMax) throw tooLarge(size, bytesMax);
      if (held.length < size) continue;
      yield held;
      held = [];
      bytes = 0;
    }
  }
  if (held.length > 0) yield held;
}

function tooLarge(size: number, bytesMax: number): HeraldError {
  const text = `A request of ${size} contacts has more than ${bytesMax} bytes. Say less in each.`;
  return new HeraldError('MESSAGE_TOO_LARGE', text, { metadata: { bytesMax: String(bytesMax) } });
}
