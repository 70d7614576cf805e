import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ATTRIBUTES } from './attributes';
import { LOG_FIELDS } from './logger';
import { METRICS } from './metrics';

const README = readFileSync(join(__dirname, '..', 'README.md'), 'utf8');

/** The rows of the table under a heading, without the marks of code. */
function tableUnder(heading: string): string[][] {
  const section = README.split(/^## /m).find((text) => text.startsWith(`${heading}\n`)) ?? '';
  const [, , ...rows] = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

describe('README.md says what the code has', () => {
  it('every field of a log line', () => {
    expect(tableUnder('Log lines')).toEqual(Object.entries(LOG_FIELDS).map(([name, { text }]) => [name, text]));
  });

  it('every metric, its labels and its unit', () => {
    const metrics = Object.entries(METRICS).map(([name, { kind, labels, unit, text }]) => [
      ...[name, kind, labels.join(', '), unit, text],
    ]);
    expect(tableUnder('Metrics')).toEqual(metrics);
  });

  it('every attribute of a span', () => {
    expect(tableUnder('Traces')).toEqual(Object.entries(ATTRIBUTES));
  });
});
