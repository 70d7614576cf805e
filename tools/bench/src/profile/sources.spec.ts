import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withSources } from './sources';

describe('withSources', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'herald-sources-'));
    await mkdir(join(folder, 'dist'));
    // The first line of the program is the first of src/claim.ts.
    const map = { version: 3, sources: ['../src/claim.ts'], names: [], mappings: 'AAAA' };
    await writeFile(join(folder, 'dist/main.js.map'), JSON.stringify(map));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('names the file that a function was written in, and leaves all else as it is', async () => {
    const frame = (id: number, url: string, lineNumber: number) => ({
      ...{ id, callFrame: { functionName: 'claim', url, lineNumber, columnNumber: 4 } },
    });
    const program = join(folder, 'dist/main.js');
    const nodes = [
      frame(1, program, 0),
      frame(2, pathToFileURL(program).href, 0),
      frame(3, '/node_modules/pg/index.js', 0),
      frame(4, '', -1),
    ];
    const profile = await withSources({ nodes, samples: [1], timeDeltas: [2] });
    const source = join(folder, 'src/claim.ts');
    expect(profile.nodes.map(({ callFrame }) => callFrame.url)).toEqual([source, source, nodes[2]?.callFrame.url, '']);
    expect(profile).toMatchObject({ samples: [1], timeDeltas: [2] });
  });
});
