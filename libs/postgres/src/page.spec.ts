import { cutPage, readPage } from './page';

const SIZES = { byDefault: 50, max: 200 };
const ids = ['0190a000-0000-7000-8000-000000000001', '0190a000-0000-7000-8000-000000000002'];
const rows = ids.map((id) => ({ id }));

describe('readPage', () => {
  it.each([
    [0, 50],
    [1, 1],
    [200, 200],
    [1_000, 200],
  ])('takes a page_size of %d for %d', (pageSize, size) => {
    expect(readPage({ pageSize, pageToken: '' }, SIZES)).toEqual({ size, after: null });
  });

  it('refuses a negative page_size, and names it', () => {
    const read = () => readPage({ pageSize: -1, pageToken: '' }, SIZES);
    expect(read).toThrow(expect.objectContaining({ reason: 'INVALID_FIELD' }));
    expect(read).toThrow('page_size');
  });

  it.each(['nonsense', Buffer.from('42').toString('base64url')])('refuses the page_token %s', (pageToken) => {
    const read = () => readPage({ pageSize: 0, pageToken }, SIZES);
    expect(read).toThrow(expect.objectContaining({ reason: 'PAGE_TOKEN_INVALID' }));
  });
});

describe('cutPage', () => {
  it('names the next page by the last id of this one, where one row more was found', () => {
    const { rows: page, nextPageToken } = cutPage(rows, { size: 1, after: null });
    expect(page).toEqual([rows[0]]);
    expect(readPage({ pageSize: 1, pageToken: nextPageToken }, SIZES)).toEqual({ size: 1, after: ids[0] });
  });

  it('names none behind the last page', () => {
    expect(cutPage(rows, { size: 2, after: null })).toEqual({ rows, nextPageToken: '' });
  });
});
