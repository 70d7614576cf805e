/** A file of the repository, by its path from the root. */
export interface RepositoryFile {
  path: string;
  text: string;
}

/** One thing out of order: where it stands, what it is, and what to do about it. */
export interface Finding {
  path: string;
  line?: number;
  problem: string;
  remedy: string;
}

/** One line for the reader: `path:line: problem. Remedy.` */
export function describeFinding({ path, line, problem, remedy }: Finding): string {
  return `${path}${line === undefined ? '' : `:${line}`}: ${problem}. ${remedy}`;
}
