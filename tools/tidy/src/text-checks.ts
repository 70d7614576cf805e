import { posix } from 'node:path';
import type { Finding, RepositoryFile } from './finding';

const COLUMNS_MAX = 140;
const SCRIPT_LINES_MAX = 400;
const VAGUE_WORDS = /^(helper|util|utilitie|manager|common|shared|impl|misc)s?$/;

/** What to look for in a line, in which files, and what to do where it is found. */
interface LineRule {
  files: RegExp;
  pattern: RegExp;
  problem: string;
  remedy: string;
}

const SOURCE = /\.(ts|js|mjs)$/;
const ANYTHING = /./;

const LINE_RULES: readonly LineRule[] = [
  {
    files: /\.(ts|js|mjs|sh|proto|ya?ml)$/,
    pattern: /\b(TO[D]O|FIX[M]E)\b(?!\s*\(?#\d+)/,
    problem: 'a note without an issue number',
    remedy: 'Do it now, or put the number of its issue behind it: (#12).',
  },
  {
    files: SOURCE,
    pattern:
      /^\s*\/\/\s*((const|let|import|export|return|await|throw|if|for|while)\b.*[;{]|\}\s*(else.*)?|[\w.]+\(.*\);)\s*$/,
    problem: 'commented-out code',
    remedy: 'Delete it; git remembers.',
  },
  {
    files: ANYTHING,
    pattern: /(^|[^\w.~$}\]-])\/(work|root|home)\/\w/,
    problem: 'a path of one machine',
    remedy: 'Use a path relative to the repository, or a variable.',
  },
  {
    files: ANYTHING,
    pattern: /\bregistry\.[a-z][a-z0-9-]*\.[a-z]{2,}|"resolved": "https?:/,
    problem: 'the address of a package registry',
    remedy: 'Leave it to the settings of the machine; the lock file carries no download addresses.',
  },
  {
    files: /\.spec\.ts$/,
    pattern: /\bjest\.mock\(/,
    problem: 'a module replaced by jest.mock',
    remedy: 'Pass a hand-written double in, named for its behaviour.',
  },
];

function checkLines({ path, text }: RepositoryFile): Finding[] {
  const rules = LINE_RULES.filter(({ files }) => files.test(path));
  const isTypeScript = path.endsWith('.ts');
  return text.split('\n').flatMap((content, at): Finding[] => {
    const found: Finding[] = rules
      .filter(({ pattern }) => pattern.test(content))
      .map(({ problem, remedy }) => ({ path, line: at + 1, problem, remedy }));
    if (isTypeScript && content.length > COLUMNS_MAX && !content.includes('://')) {
      const problem = `${content.length} columns, ${COLUMNS_MAX} at most`;
      found.push({ path, line: at + 1, problem, remedy: 'Break the string or the statement.' });
    }
    return found;
  });
}

function checkName(path: string): Finding[] {
  if (!/^(apps|libs|tools)\//.test(path)) return [];
  const words = path.split('/').flatMap((part) => part.split(/[.\-_]/));
  const vague = words.find((word) => VAGUE_WORDS.test(word));
  if (vague === undefined) return [];
  return [{ path, problem: `"${vague}" in a name says nothing`, remedy: 'Name the file for what it holds.' }];
}

/** ESLint limits TypeScript; scripts have the same limit here. */
function checkLength({ path, text }: RepositoryFile): Finding[] {
  const lines = text.split('\n').length;
  if (!['.js', '.mjs', '.sh'].includes(posix.extname(path)) || lines <= SCRIPT_LINES_MAX) return [];
  return [{ path, problem: `${lines} lines, ${SCRIPT_LINES_MAX} at most`, remedy: 'Split it by subject.' }];
}

/** What can be seen in one file's text alone: its name, its length, its lines. */
export function checkText(file: RepositoryFile): Finding[] {
  return [...checkName(file.path), ...checkLength(file), ...checkLines(file)];
}
