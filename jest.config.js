/**
 * One jest for the whole repository: a spec's name says what it may use (`*.spec.ts` nothing outside the process,
 * `*.db.spec.ts` Postgres, `*.contract.spec.ts` gRPC, `*.kafka.spec.ts` Kafka, `*.int.spec.ts` and `*.e2e.spec.ts` the running parts).
 */
const OUTSIDE_THE_PROCESS = [
  '\\.db\\.spec\\.ts$',
  '\\.contract\\.spec\\.ts$',
  '\\.int\\.spec\\.ts$',
  '\\.kafka\\.spec\\.ts$',
  '\\.e2e\\.spec\\.ts$',
];
const unitOnly = process.env.HERALD_TESTS === 'unit';

module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/apps', '<rootDir>/libs', '<rootDir>/tools'],
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', ...(unitOnly ? OUTSIDE_THE_PROCESS : [])],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/\\.nx/', '<rootDir>/\\.herald/'],
  globalSetup: '<rootDir>/libs/testing/src/jest/global-setup.ts',
  globalTeardown: '<rootDir>/libs/testing/src/jest/global-teardown.ts',
  setupFilesAfterEnv: ['<rootDir>/libs/testing/src/jest/leak-check.ts'],
  reporters: ['default', '<rootDir>/tools/report/reporter.js'],
  testSequencer: '<rootDir>/tools/report/sequencer.js',
  // One more than the cores of the machine it is meant for: the longest specs mostly wait for what they have hurt.
  maxWorkers: 3,
  testTimeout: 30_000,
};
