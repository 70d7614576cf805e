import type { Finding, RepositoryFile } from './finding';
import { checkDependenciesAreExplained, checkExportsAreUsed, checkLinks, checkRoomsHaveReadme } from './room-checks';
import { checkSpec } from './spec-checks';
import { checkText } from './text-checks';

/** Everything out of order in the repository, file by file first and then what is seen only in the whole. */
export function tidy(files: readonly RepositoryFile[]): Finding[] {
  return [
    ...files.flatMap((file) => [...checkText(file), ...checkSpec(file)]),
    ...checkRoomsHaveReadme(files),
    ...checkLinks(files),
    ...checkDependenciesAreExplained(files),
    ...checkExportsAreUsed(files),
  ];
}
