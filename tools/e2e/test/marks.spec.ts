import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootFile, tableUnder } from './readme';

const ROOT = join(__dirname, '..', '..', '..');
/** The beginning of a test's name: one mark or several, then a colon. */
const MARKED = /['"`]((?:[PS]\d+ )*[PS]\d+): /g;

/** Which spec files, and stories that several specs tell, cite which mark. */
function citedMarks(): Map<string, string[]> {
  const cited = new Map<string, string[]>();
  for (const path of globSync('{apps,libs,tools}/*/{src,test}/**/*.{spec,stories}.ts', { cwd: ROOT }).sort()) {
    const names = readFileSync(join(ROOT, path), 'utf8').matchAll(MARKED);
    const marks = new Set([...names].flatMap(([, list = '']) => list.split(' ')));
    for (const mark of marks) cited.set(mark, [...(cited.get(mark) ?? []), path]);
  }
  return cited;
}

describe('PROMISES.md', () => {
  const text = rootFile('PROMISES.md');
  const rows = ['## Promises', '## Security'].flatMap((heading) => tableUnder(heading, text));

  it('lists every mark that a test cites, with the files it stands in, and no other', () => {
    const listed = rows.map(([mark = '', , files = '']) => [mark, files.split(', ')]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(citedMarks()));
  });

  it('says what each means', () => {
    for (const [, meaning] of rows) expect(meaning).toMatch(/^[A-Z].{20,}\.$/);
  });
});
