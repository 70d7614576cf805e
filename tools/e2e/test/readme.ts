import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file at the root of the repository. */
export function rootFile(name: string): string {
  return readFileSync(join(__dirname, '..', '..', '..', name), 'utf8');
}

/** The rows of the first table under a heading, as lists of cells, without the marks of code. */
export function tableUnder(heading: string, text = rootFile('README.md')): string[][] {
  const lines = text.split('\n');
  const at = lines.indexOf(heading);
  if (at < 0) throw new Error(`there is no heading "${heading}"`);
  const head = lines.findIndex((line, index) => index > at && line.startsWith('|'));
  const rows = lines.slice(head + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '').replaceAll('\\|', '|')),
    );
}
