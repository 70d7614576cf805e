import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { PretendedFile } from './lint-texts';

const run = promisify(execFile);
const ROOT = resolve(__dirname, '../../..');

const BOUNDARIES = '@nx/enforce-module-boundaries';
const IMPORTS = '@typescript-eslint/no-restricted-imports';
const SYNTAX = 'no-restricted-syntax';
const GLOBALS = 'no-restricted-globals';

const DISPATCH = 'apps/dispatch-service/src/canary.ts';
const DISPATCH_SPEC = 'apps/dispatch-service/src/canary.spec.ts';
const DOMAIN = 'apps/dispatch-service/src/domain/canary.ts';

interface Canary {
  fence: string;
  filePath: string;
  text: string;
  /** The rule that must be offended; undefined where the text must pass. */
  rule?: string;
}

const importing = (source: string) => `import { something } from '${source}';\nexport const used = something;\n`;

const BETWEEN_PROJECTS: Canary[] = [
  { fence: 'an app imports no app', filePath: DISPATCH, text: importing('@herald/template-service'), rule: BOUNDARIES },
  { fence: 'an app imports no tool', filePath: DISPATCH, text: importing('@herald/simulator'), rule: BOUNDARIES },
  { fence: 'a spec imports no tool', filePath: DISPATCH_SPEC, text: importing('@herald/simulator'), rule: BOUNDARIES },
  { fence: 'an app imports no testing', filePath: DISPATCH, text: importing('@herald/testing'), rule: BOUNDARIES },
  {
    fence: 'a tool imports no testing',
    filePath: 'tools/herald/src/canary.ts',
    text: importing('@herald/testing'),
    rule: BOUNDARIES,
  },
  { fence: 'a spec may import testing', filePath: DISPATCH_SPEC, text: importing('@herald/testing') },
  {
    fence: 'an integration test may import testing',
    filePath: 'apps/dispatch-service/test/canary.int.spec.ts',
    text: importing('@herald/testing'),
  },
  { fence: 'a kit may import a kit', filePath: 'libs/grpc/src/canary.ts', text: importing('@herald/telemetry') },
  {
    fence: 'a kit imports no adapter',
    filePath: 'libs/bus/src/canary.ts',
    text: importing('@herald/channels'),
    rule: BOUNDARIES,
  },
  {
    fence: 'a kit imports no domain',
    filePath: 'libs/grpc/src/canary.ts',
    text: importing('@herald/rendering'),
    rule: BOUNDARIES,
  },
  {
    fence: 'a library imports no app',
    filePath: 'libs/service/src/canary.ts',
    text: importing('@herald/dispatch-service'),
    rule: BOUNDARIES,
  },
  {
    fence: 'an adapter may import a kit',
    filePath: 'libs/channels/src/canary.ts',
    text: importing('@herald/telemetry'),
  },
  {
    fence: 'a domain imports no kit',
    filePath: 'libs/rendering/src/canary.ts',
    text: importing('@herald/service'),
    rule: BOUNDARIES,
  },
  {
    fence: 'errors import no domain',
    filePath: 'libs/errors/src/canary.ts',
    text: importing('@herald/addressing'),
    rule: BOUNDARIES,
  },
  { fence: 'dispatch may import channels', filePath: DISPATCH, text: importing('@herald/channels') },
  {
    fence: 'template imports no channels',
    filePath: 'apps/template-service/src/canary.ts',
    text: importing('@herald/channels'),
    rule: BOUNDARIES,
  },
  {
    fence: 'conversation imports no channels',
    filePath: 'apps/conversation-service/src/canary.ts',
    text: importing('@herald/channels'),
    rule: BOUNDARIES,
  },
  {
    fence: 'a project is entered by its name',
    filePath: DISPATCH,
    text: importing('../../../libs/errors/src/index'),
    rule: BOUNDARIES,
  },
  { fence: 'a package is declared at the root', filePath: DISPATCH, text: importing('@nx/devkit'), rule: BOUNDARIES },
  {
    fence: 'contracts import nothing',
    filePath: 'libs/contracts/src/canary.ts',
    text: importing('@herald/errors'),
    rule: BOUNDARIES,
  },
  {
    fence: 'a tool may import an app',
    filePath: 'tools/herald/src/canary.ts',
    text: importing('@herald/dispatch-service'),
  },
];

const AROUND_PURE_FOLDERS: Canary[] = [
  ...['node:fs', 'node:crypto', 'fs', 'pg', 'typeorm', '@grpc/grpc-js', 'undici', '@herald/postgres'].map((source) => ({
    fence: `a domain folder does not import ${source}`,
    filePath: DOMAIN,
    text: importing(source),
    rule: IMPORTS,
  })),
  { fence: 'a domain folder may import errors', filePath: DOMAIN, text: importing('@herald/errors') },
  {
    fence: 'a domain folder does not import the code of contracts',
    filePath: DOMAIN,
    text: importing('@herald/contracts/dispatch'),
    rule: IMPORTS,
  },
  {
    fence: 'a domain folder stays within itself',
    filePath: DOMAIN,
    text: importing('../store/messages'),
    rule: 'herald/domain-imports',
  },
  { fence: 'errors import no package', filePath: 'libs/errors/src/canary.ts', text: importing('zod'), rule: IMPORTS },
  {
    fence: 'addressing may import libphonenumber-js',
    filePath: 'libs/addressing/src/canary.ts',
    text: importing('libphonenumber-js/max'),
  },
  {
    fence: 'rendering does not import libphonenumber-js',
    filePath: 'libs/rendering/src/canary.ts',
    text: importing('libphonenumber-js'),
    rule: IMPORTS,
  },
  {
    fence: 'rendering may import the locale matcher',
    filePath: 'libs/rendering/src/canary.ts',
    text: importing('@formatjs/intl-localematcher'),
  },
  {
    fence: 'a spec of a pure library may read files',
    filePath: 'libs/errors/src/canary.spec.ts',
    text: importing('node:fs'),
  },
  ...[
    'process.pid',
    'fetch("x")',
    'setTimeout(f)',
    'setInterval(f)',
    'setImmediate(f)',
    'console.log(1)',
    'performance.now()',
  ].map((use) => ({
    fence: `a domain folder does not use ${use}`,
    filePath: DOMAIN,
    text: `export const used = () => ${use};\n`,
    rule: GLOBALS,
  })),
  ...['new Date()', 'Date.now()', 'Date()', 'Math.random()', 'chance.randomUUID()', 'process.env.X'].map((use) => ({
    fence: `a domain folder does not call ${use}`,
    filePath: DOMAIN,
    text: `export const used = () => ${use};\n`,
    rule: SYNTAX,
  })),
  {
    fence: 'rendering draws no random number',
    filePath: 'libs/rendering/src/canary.ts',
    text: 'export const used = Math.random();\n',
    rule: SYNTAX,
  },
  {
    fence: 'a domain folder may read a given time',
    filePath: DOMAIN,
    text: 'export const used = (at: string) => new Date(at);\n',
  },
];

const sqlCall = (call: string) => `const TABLE = 'batch';\nexport const used = (tx: Tx, name: string) => ${call};\n`;

const WITHIN_CODE: Canary[] = [
  {
    fence: 'the environment is read in main.ts alone',
    filePath: DISPATCH,
    text: 'export const used = process.env.X;\n',
    rule: SYNTAX,
  },
  {
    fence: 'nor by taking process apart',
    filePath: DISPATCH,
    text: 'const { env } = process;\nexport const used = env;\n',
    rule: SYNTAX,
  },
  {
    fence: 'main.ts may read the environment',
    filePath: 'apps/dispatch-service/src/main.ts',
    text: 'export const used = process.env.X;\n',
  },
  {
    fence: 'libs/testing may read the environment',
    filePath: 'libs/testing/src/canary.ts',
    text: 'export const used = process.env.X;\n',
  },
  { fence: 'exports are named', filePath: DISPATCH, text: "export * from './other';\n", rule: SYNTAX },
  {
    fence: 'exports are named in main.ts too',
    filePath: 'apps/dispatch-service/src/main.ts',
    text: "export * from './other';\n",
    rule: SYNTAX,
  },
  { fence: 'a service logs and does not print', filePath: DISPATCH, text: 'console.log(1);\n', rule: 'no-console' },
  {
    fence: 'S22: sql() takes no template with values',
    filePath: DISPATCH,
    text: sqlCall('sql(tx, `select id from ${name}`)'),
    rule: 'herald/sql-text',
  },
  {
    fence: 'S22: execute() takes no concatenation',
    filePath: DISPATCH,
    text: sqlCall("execute(tx, 'delete from ' + name)"),
    rule: 'herald/sql-text',
  },
  {
    fence: 'S22: sql.prepared() takes no template with values',
    filePath: DISPATCH,
    text: sqlCall("sql.prepared('x', `select ${name}`)"),
    rule: 'herald/sql-text',
  },
  {
    fence: 'S22: query() takes no template with values',
    filePath: DISPATCH,
    text: sqlCall('tx.query(`select ${name}`)'),
    rule: 'herald/sql-text',
  },
  {
    fence: 'S22: nor as an object',
    filePath: DISPATCH,
    text: sqlCall('tx.query({ text: `select ${name}` })'),
    rule: 'herald/sql-text',
  },
  {
    fence: 'S22: nor by way of a variable',
    filePath: DISPATCH,
    text: 'export function used(tx: Tx, name: string) {\n  const text = `select ${name}`;\n  return sql(tx, text);\n}\n',
    rule: 'herald/sql-text',
  },
  {
    fence: 'S22: constants may be part of a statement',
    filePath: DISPATCH,
    text: sqlCall('sql(tx, `select id from ${TABLE} where id = $1`, [name])'),
  },
  {
    fence: 'a suppression says why',
    filePath: DISPATCH,
    text: '// eslint-disable-next-line no-console\nconsole.log(1);\n',
    rule: 'herald/described-disable',
  },
];

/** A place that exists, as rules that need types ask for. */
const PROGRAM = 'tools/tidy/src/main.ts';

const WITH_TYPES: Canary[] = [
  ['@typescript-eslint/no-floating-promises', 'Promise.resolve(1);'],
  ['@typescript-eslint/consistent-type-imports', "import { Stats } from 'node:fs';\nexport type Used = Stats;"],
  [
    '@typescript-eslint/switch-exhaustiveness-check',
    "export function used(x: 'a' | 'b') {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}",
  ],
  ['@typescript-eslint/no-explicit-any', 'export const used: any = 1;'],
  ['eqeqeq', 'export const used = (a: number) => a == 1;'],
  ['max-params', 'export const used = (a: number, b: number, c: number, d: number, e: number) => a + b + c + d + e;'],
  ['complexity', `export const used = (a: number) => ${'a || '.repeat(13)} a;`],
  ['max-lines', 'export const used = 1;\n'.padEnd(600, '\n')],
  ['max-lines-per-function', `export function used() {${'\n'.repeat(71)}}`],
].map(([rule = '', text = '']) => ({ fence: rule, filePath: PROGRAM, text: `${text}\n`, rule }));

const ABOUT_MODULES: Canary[] = [
  {
    fence: 'modules import in no circle',
    filePath: 'tools/tidy/src/spec-checks.ts',
    text: "import { tidy } from './tidy';\nexport const checkSpec = tidy;\n",
    rule: 'import-x/no-cycle',
  },
  {
    fence: 'a suppression that silences nothing goes',
    filePath: PROGRAM,
    text: '// eslint-disable-next-line eqeqeq -- nothing here compares at all\nexport const used = 1;\n',
    rule: "Unused eslint-disable directive (no problems were reported from 'eqeqeq').",
  },
];

/** A clean checkout has no project graph yet, and lint refuses to run without one. */
async function makeProjectGraph(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'herald-graph-'));
  try {
    await run(process.execPath, ['node_modules/.bin/nx', 'graph', `--file=${join(folder, 'graph.json')}`], {
      cwd: ROOT,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function lint(canaries: readonly Canary[], mode: 'with-types' | 'without-types'): Promise<string[][]> {
  const files: PretendedFile[] = canaries.map(({ filePath, text }) => ({ filePath, text }));
  const args = ['-r', 'tsx/cjs', 'tools/tidy/src/lint-texts.ts', mode, JSON.stringify(files)];
  const { stdout } = await run(process.execPath, args, { cwd: ROOT });
  return JSON.parse(stdout) as string[][];
}

const LINT_TIMEOUT_MS = 120_000;

describe('fences', () => {
  const outcomes = new Map<Canary, string[]>();

  beforeAll(async () => {
    await makeProjectGraph();
    const untyped = [...BETWEEN_PROJECTS, ...AROUND_PURE_FOLDERS, ...WITHIN_CODE];
    const typed = [...WITH_TYPES, ...ABOUT_MODULES];
    (await lint(untyped, 'without-types')).forEach((rules, at) => outcomes.set(untyped[at]!, rules));
    (await lint(typed, 'with-types')).forEach((rules, at) => outcomes.set(typed[at]!, rules));
  }, LINT_TIMEOUT_MS);

  describe.each([
    ['between projects', BETWEEN_PROJECTS],
    ['around pure folders', AROUND_PURE_FOLDERS],
    ['within code', WITHIN_CODE],
    ['with types', WITH_TYPES],
    ['about modules', ABOUT_MODULES],
  ])('%s', (_group, canaries) => {
    it.each(canaries.map((canary) => [canary.fence, canary] as const))('%s', (_fence, canary) => {
      const rules = outcomes.get(canary);
      if (canary.rule === undefined) expect(rules).toEqual([]);
      else expect(rules).toContain(canary.rule);
    });
  });
});
