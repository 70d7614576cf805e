import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RepositoryFile } from './finding';

const LISTING_MAX_BYTES = 64 * 1024 * 1024;
const NOT_OURS = /^(LICENSE|libs\/contracts\/src\/gen\/|proto\/google\/)/;

/** What git holds or would take, less what is generated or vendored and what is not text. */
export function repositoryFiles(root: string): RepositoryFile[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listing = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: LISTING_MAX_BYTES });
  const paths = new Set(listing.split('\0').filter((path) => path !== '' && !NOT_OURS.test(path)));
  return [...paths]
    .filter((path) => existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'));
}
