import { lightened } from './page-bounds';

const MIB = 1024 * 1024;
const page = { size: 3, after: null };
const entries = (...sizes: number[]) => sizes.map((bytes, index) => ({ id: String(index), bytes }));

describe('lightened', () => {
  it('leaves a page that is light enough', () => {
    expect(lightened(page, entries(1, 1, 1, 1))).toEqual(page);
    expect(lightened(page, entries(MIB, MIB))).toEqual(page);
    expect(lightened(page, [])).toEqual(page);
  });

  it('leaves out what is too heavy', () => {
    expect(lightened(page, entries(MIB, MIB, 1, 1))).toEqual({ size: 2, after: null });
  });

  it('leaves one entry, however heavy', () => {
    expect(lightened(page, entries(3 * MIB, 1))).toEqual({ size: 1, after: null });
  });

  it('never makes a page larger than was asked for', () => {
    expect(lightened(page, entries(1, 1, 1, 3 * MIB))).toEqual(page);
  });
});
