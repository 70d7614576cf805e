/**
 * Cuts a list that arrives in parts into chunks of one size, whatever the parts are; only the last may be shorter. A part
 * is asked for when what is there makes no chunk, so that less than one chunk and one part are ever held.
 */
export async function* chunksOf<Item>(parts: AsyncIterable<readonly Item[]>, size: number): AsyncGenerator<Item[]> {
  let held: Item[] = [];
  for await (const part of parts) {
    held = held.length === 0 ? [...part] : [...held, ...part];
    while (held.length >= size) yield held.splice(0, size);
  }
  if (held.length > 0) yield held;
}
