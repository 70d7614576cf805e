import fc from 'fast-check';
import { chunksOf as chunksWithin } from './chunks';

async function* partsOf<Item>(items: readonly Item[], cuts: readonly number[]): AsyncGenerator<Item[]> {
  let from = 0;
  for (const cut of cuts) {
    if (from >= items.length) return;
    yield items.slice(from, from + cut);
    from += cut;
  }
  if (from < items.length) yield items.slice(from);
}

async function all<Item>(chunks: AsyncIterable<Item[]>): Promise<Item[][]> {
  const found: Item[][] = [];
  for await (const chunk of chunks) found.push(chunk);
  return found;
}

/** Chunks of anything, each item counting one byte. */
function chunksOf<Item>(parts: AsyncIterable<readonly Item[]>, size: number, bytesMax = Infinity) {
  return chunksWithin(parts, size, { bytesOf: () => 1, bytesMax });
}

describe('chunksOf', () => {
  const list = (length: number) => Array.from({ length }, (_, index) => index);

  it('makes the same chunks of a list however it arrives', async () => {
    const cases = fc.record({
      length: fc.integer({ min: 0, max: 700 }),
      size: fc.integer({ min: 1, max: 120 }),
      cuts: fc.array(fc.integer({ min: 1, max: 500 }), { maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ length, size, cuts }) => {
        const chunks = await all(chunksOf(partsOf(list(length), cuts), size));
        const expected = list(Math.ceil(length / size)).map((n) => list(length).slice(n * size, (n + 1) * size));
        expect(chunks).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });

  it('makes the same chunks of a list that is taken up again behind any of them', async () => {
    const cases = fc.record({ length: fc.integer({ min: 1, max: 400 }), size: fc.integer({ min: 1, max: 100 }) });
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(), async ({ length, size }, anywhere) => {
        const whole = await all(chunksOf(partsOf(list(length), [7, 13, 101]), size));
        const done = anywhere % whole.length;
        const rest = await all(chunksOf(partsOf(list(length).slice(done * size), [1, 50]), size));
        expect([...whole.slice(0, done), ...rest]).toEqual(whole);
      }),
    );
  });

  it('gives a chunk as soon as it is whole, and asks for no part before it was taken', async () => {
    let asked = 0;
    async function* parts() {
      for (;;) yield list(10).map(() => (asked += 1));
    }
    const chunks = chunksOf(parts(), 4);
    await chunks.next();
    await chunks.next();
    expect(asked).toBe(10);
    await chunks.next();
    expect(asked).toBe(20);
  });

  it('gives a short chunk at the end alone', async () => {
    const isEnded = Promise.withResolvers<void>();
    async function* parts() {
      yield list(5);
      await isEnded.promise;
    }
    const chunks = chunksOf(parts(), 4);
    await chunks.next();
    let isGiven = false;
    const last = chunks.next().finally(() => (isGiven = true));
    await new Promise(setImmediate);
    expect(isGiven).toBe(false);
    isEnded.resolve();
    expect((await last).value).toEqual([4]);
  });

  it('MESSAGE_TOO_LARGE: holds no chunk of more bytes than it may have, and counts those of each chunk apart', async () => {
    expect(await all(chunksOf(partsOf(list(30), [4, 11]), 10, 10))).toHaveLength(3);
    let asked = 0;
    async function* drops() {
      for (;;) yield list(1).map(() => (asked += 1));
    }
    await expect(chunksOf(drops(), 10, 4).next()).rejects.toMatchObject({ reason: 'MESSAGE_TOO_LARGE' });
    expect(asked).toBe(5);
  });
});
