/**
 * The fences. In flat config a later object replaces a rule's options instead of adding to them, so every zone below
 * names the whole list it wants, and `tools/tidy/src/fences.int.spec.ts` lints one offence per fence.
 * Run it as `nx run herald:lint`, which makes the project graph: without one the nx rule skips itself and the run
 * exits 0, so this file refuses to load.
 */
import eslint from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { defineConfig } from 'eslint/config';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import devkit from 'nx/src/devkit-exports.js';
import tseslint from 'typescript-eslint';
import { herald } from './tools/tidy/eslint/plugin.mjs';

try {
  devkit.readCachedProjectGraph();
} catch (cause) {
  throw new Error('There is no project graph, so the fences between projects are down. Lint with: nx run herald:lint', {
    cause,
  });
}

const TYPESCRIPT = ['**/*.ts'];
const SPECS = ['**/*.spec.ts', '**/test/**/*.ts', 'libs/*/src/testing/**/*.ts'];
const PURE = [
  'apps/*/src/**/domain/**/*.ts',
  'libs/errors/src/**/*.ts',
  'libs/rendering/src/**/*.ts',
  'libs/addressing/src/**/*.ts',
];
const MAY_READ_ENVIRONMENT = ['apps/*/src/main.ts', 'tools/*/src/main.ts', 'libs/testing/src/**/*.ts'];

/** Which type of project may lean on which. A tool may use anything but what is made for specs; nothing leans on a tool. */
const TYPES = {
  app: ['contract', 'kit', 'adapter', 'domain', 'util'],
  adapter: ['domain', 'util', 'kit'],
  kit: ['kit', 'contract', 'util'],
  domain: ['domain', 'util'],
  util: ['util'],
  contract: [],
  testing: ['contract', 'kit', 'adapter', 'domain', 'util', 'testing'],
  tool: ['tool', 'app', 'contract', 'kit', 'adapter', 'domain', 'util'],
};

/** Whose business a project is: a service knows itself and what is shared; three of them know the channels. */
const SCOPES = {
  template: ['template', 'shared'],
  configuration: ['configuration', 'shared', 'channels'],
  dispatch: ['dispatch', 'shared', 'channels'],
  conversation: ['conversation', 'shared'],
  gateway: ['gateway', 'shared', 'channels'],
  channels: ['channels', 'shared'],
  shared: ['shared'],
  tools: ['*'],
};

function boundaries({ inSpecs }) {
  const mayUse = (types) => (inSpecs ? [...types, 'testing'] : types);
  const byType = Object.entries(TYPES).map(([type, targets]) => ({
    sourceTag: `type:${type}`,
    onlyDependOnLibsWithTags: mayUse(targets).map((target) => `type:${target}`),
  }));
  const byScope = Object.entries(SCOPES).map(([scope, targets]) => ({
    sourceTag: `scope:${scope}`,
    onlyDependOnLibsWithTags: targets.map((target) => (target === '*' ? '*' : `scope:${target}`)),
  }));
  const options = {
    allow: [],
    banTransitiveDependencies: true,
    enforceBuildableLibDependency: false,
    // The specs of a library use libs/testing, which itself uses the library: a circle of projects, not of modules.
    ignoredCircularDependencies: [['@herald/testing', '*']],
    depConstraints: [...byType, ...byScope],
  };
  return { '@nx/enforce-module-boundaries': ['error', options] };
}

const EXPORT_ALL = {
  selector: 'ExportAllDeclaration',
  message: 'Export by name: `export *` hides what a library offers.',
};
const ENVIRONMENT = [
  'MemberExpression[object.name="process"][property.name="env"]',
  'VariableDeclarator[init.name="process"] Property[key.name="env"]',
  'ImportDeclaration[source.value=/^(node:)?process$/]',
].map((selector) => ({
  selector,
  message: 'Only main.ts reads the environment; take the value from the configuration passed in.',
}));
const AS_ARGUMENT = 'time, ids and chance are arguments here: take the value as a parameter.';
const CLOCK_AND_CHANCE = [
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: `No clock: ${AS_ARGUMENT}` },
  { selector: 'CallExpression[callee.name="Date"]', message: `No clock: ${AS_ARGUMENT}` },
  { selector: 'MemberExpression[object.name="Date"][property.name="now"]', message: `No clock: ${AS_ARGUMENT}` },
  { selector: 'MemberExpression[object.name="Math"][property.name="random"]', message: `No chance: ${AS_ARGUMENT}` },
  {
    selector: 'MemberExpression[property.name=/^(randomUUID|getRandomValues)$/]',
    message: `No chance: ${AS_ARGUMENT}`,
  },
];
const WORLD = [
  'process',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'console',
  'performance',
  'crypto',
  'globalThis',
];

/** Imports a pure folder may have: its own files, the pure libraries, the types of the contracts, and the named packages. */
function pureImports(packages) {
  const allowed = ['\\.{1,2}/', '@herald/(errors|rendering|addressing)$', ...packages.map((name) => `${name}($|/)`)];
  const message =
    'This folder is pure: no I/O. It may import its own files and @herald/errors, rendering and addressing.';
  const contracts = { regex: '^@herald/contracts/', allowTypeImports: true, message };
  const others = { regex: `^(?!@herald/contracts/|${allowed.join('|')})`, message };
  return { '@typescript-eslint/no-restricted-imports': ['error', { patterns: [contracts, others] }] };
}

const purity = {
  'no-restricted-globals': [
    'error',
    ...WORLD.map((name) => ({ name, message: 'This folder is pure: no I/O, no timers.' })),
  ],
  'no-restricted-syntax': ['error', EXPORT_ALL, ...ENVIRONMENT, ...CLOCK_AND_CHANCE],
  'herald/domain-imports': 'error',
};

export default defineConfig(
  { ignores: ['**/node_modules/', '.nx/', '.herald/', '**/dist/', 'coverage/', 'libs/contracts/src/gen/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  {
    name: 'herald/scripts',
    files: ['**/*.{js,mjs}'],
    extends: [eslint.configs.recommended],
    plugins: { herald },
    languageOptions: {
      globals: {
        module: 'readonly',
        require: 'readonly',
        process: 'readonly',
        console: 'readonly',
        __dirname: 'readonly',
        __filename: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
      },
    },
    rules: { 'herald/described-disable': 'error', eqeqeq: 'error' },
  },
  {
    name: 'herald/typescript',
    files: TYPESCRIPT,
    extends: [eslint.configs.recommended, tseslint.configs.recommendedTypeChecked],
    plugins: { '@nx': nx, 'import-x': importX, herald },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    settings: {
      'import-x/resolver-next': [createNodeResolver({ extensions: ['.ts', '.js', '.mjs', '.json'] })],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/extensions': ['.ts'],
    },
    rules: {
      ...boundaries({ inSpecs: false }),
      'herald/described-disable': 'error',
      'herald/sql-text': 'error',
      'import-x/no-cycle': ['error', { ignoreExternal: true }],
      'no-restricted-syntax': ['error', EXPORT_ALL, ...ENVIRONMENT],
      eqeqeq: 'error',
      complexity: ['error', 12],
      'max-params': ['error', 4],
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 70 }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { properties: false, arguments: false } },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // What a function needs of the world is a record of closures: none of them has a `this` to lose.
      '@typescript-eslint/unbound-method': 'off',
      // An `async` function without `await` is how a synchronous answer fits an interface of promises.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    name: 'herald/libraries-and-services',
    files: ['apps/*/src/**/*.ts', 'libs/*/src/**/*.ts'],
    rules: { 'no-console': 'error' },
  },
  {
    name: 'herald/environment',
    files: MAY_READ_ENVIRONMENT,
    rules: { 'no-restricted-syntax': ['error', EXPORT_ALL] },
  },
  { name: 'herald/pure', files: PURE, ignores: SPECS, rules: { ...purity, ...pureImports([]) } },
  {
    name: 'herald/addressing',
    files: ['libs/addressing/src/**/*.ts'],
    ignores: SPECS,
    rules: pureImports(['libphonenumber-js']),
  },
  {
    name: 'herald/rendering',
    files: ['libs/rendering/src/**/*.ts'],
    ignores: SPECS,
    rules: pureImports(['@formatjs/intl-localematcher']),
  },
  {
    name: 'herald/specs',
    files: SPECS,
    rules: {
      ...boundaries({ inSpecs: true }),
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
);
