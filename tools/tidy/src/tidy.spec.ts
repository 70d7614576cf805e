import { describeFinding } from './finding';
import { tidy } from './tidy';

/** What tidy says of the files, as `path:line problem`. */
function problems(files: Record<string, string>): string[] {
  const found = tidy(Object.entries(files).map(([path, text]) => ({ path, text })));
  return found.map(({ path, line, problem }) => `${path}:${line ?? ''} ${problem}`);
}

const SLASH = '/';

describe('tidy', () => {
  it('finds nothing in files that are in order', () => {
    const files = {
      'libs/errors/README.md': 'See [the table](src/reasons.ts) and [above](#why) and [there](https://example.org).',
      'libs/errors/src/reasons.ts': '// It returns what was refused, once.\nconst a = 1; // kept: see above\n',
    };
    expect(problems(files)).toEqual([]);
  });

  it('says what to do about a finding', () => {
    const [finding] = tidy([{ path: 'libs/a/README.md', text: 'See [b](b.md).' }]);
    expect(finding && describeFinding(finding)).toBe(
      'libs/a/README.md:1: the link to b.md leads nowhere. Mend the path or drop the link.',
    );
  });

  it.each(['helpers', 'url-util', 'queue-manager', 'common', 'shared', 'send.impl'])('refuses the name %s', (name) => {
    const files = { 'libs/a/README.md': '', [`libs/a/src/${name}.ts`]: '' };
    expect(problems(files)).toEqual([expect.stringContaining('in a name says nothing')]);
  });

  it('refuses lines that are too wide, save for addresses', () => {
    const text = `const a = '${'x'.repeat(140)}';\nconst b = 'https://${'x'.repeat(140)}';\n`;
    expect(problems({ 'a.ts': text })).toEqual(['a.ts:1 153 columns, 140 at most']);
  });

  it('refuses scripts that are too long', () => {
    expect(problems({ 'gen.mjs': '\n'.repeat(400) })).toEqual(['gen.mjs: 401 lines, 400 at most']);
  });

  it('refuses a note without an issue', () => {
    const note = 'TO' + 'DO';
    const text = `// ${note}: later\n// ${note}(#12): later\n`;
    expect(problems({ 'a.ts': text })).toEqual(['a.ts:1 a note without an issue number']);
  });

  it.each(['const a = f();', 'return a;', '} else {', 'pool.close();', 'if (a) {'])(
    'refuses the commented-out %s',
    (code) => {
      expect(problems({ 'a.ts': `  // ${code}\n` })).toEqual(['a.ts:1 commented-out code']);
    },
  );

  it('leaves prose in comments alone', () => {
    expect(problems({ 'a.ts': '// If the lease is lost, return at once;\n// for the rest see (b).\n' })).toEqual([]);
  });

  it.each(['work', 'root', 'home'])('refuses a path below the folder %s of one machine', (folder) => {
    expect(problems({ 'a.md': `Look in ${SLASH}${folder}/x.` })).toEqual(['a.md:1 a path of one machine']);
  });

  it('takes no part of an address for a path', () => {
    expect(problems({ 'a.md': `https://example.org${SLASH}home/x and $HERALD${SLASH}home/x` })).toEqual([]);
  });

  it('refuses the address of a registry', () => {
    expect(problems({ '.npmrc': 'registry=https://' + 'registry.' + 'example.org' })).toEqual([
      '.npmrc:1 the address of a package registry',
    ]);
  });

  it('refuses download addresses in the lock file', () => {
    const text = '"resolved"' + ': "https://example.org/a.tgz"';
    expect(problems({ 'package-lock.json': text })).toEqual(['package-lock.json:1 the address of a package registry']);
  });

  it('refuses tests that run alone or not at all', () => {
    const text = ["it.only('a', f);", "describe.skip('b', f);", "xit('c', f);", "it.skip.each(x)('d', f);"].join('\n');
    expect(problems({ 'a.spec.ts': text })).toEqual([
      'a.spec.ts:1 a test marked "only"',
      'a.spec.ts:2 a test marked "skip"',
      'a.spec.ts:3 a test marked "xit"',
      'a.spec.ts:4 a test marked "skip"',
    ]);
  });

  it('refuses two tests of one name', () => {
    const text =
      "describe('x', () => {\n  it('a', f);\n  it('a', f);\n});\ndescribe('y', () => {\n  it('a', f);\n});\n";
    expect(problems({ 'a.spec.ts': text })).toEqual(['a.spec.ts:3 "x › a" is the test of line 2 again']);
  });

  it('refuses a mocked module', () => {
    expect(problems({ 'a.spec.ts': 'jest.mock' + "('./b');" })).toEqual(['a.spec.ts:1 a module replaced by jest.mock']);
  });

  it('asks for a README in every room', () => {
    expect(problems({ 'libs/a/src/b.ts': '', 'proto/a.proto': '', 'apps/c/README.md': '' })).toEqual([
      'libs/a/README.md: a room without a README',
      'proto/README.md: a room without a README',
    ]);
  });

  it('follows links to folders and out of the room, and not those in code', () => {
    const text = 'A [folder](src/) and [another room](../b/README.md), `[not](one)`.';
    expect(problems({ 'libs/a/README.md': text, 'libs/a/src/c.ts': '', 'libs/b/README.md': '' })).toEqual([]);
  });

  it('asks why a package is needed', () => {
    const manifest = { dependencies: { pg: '8', '@types/pg': '8' }, devDependencies: { jest: '30' } };
    const files = { 'package.json': JSON.stringify(manifest), 'README.md': '`jest` runs the tests; pg is a word.' };
    expect(problems(files)).toEqual(['package.json: no README says why `pg` is needed']);
  });

  it('asks for the removal of exports nothing uses', () => {
    const files = { 'a.ts': 'export function f() {}\nexport const g = 1;\nexport interface H {}', 'b.ts': 'f();' };
    expect(problems(files)).toEqual(['a.ts: nothing uses the export g']);
  });
});
