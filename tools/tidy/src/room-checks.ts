import { posix } from 'node:path';
import type { Finding, RepositoryFile } from './finding';

const ROOMS = /^((?:apps|libs|tools)\/[^/]+|proto|deploy)\//;

/** Every room says what it owns and what it decided. */
export function checkRoomsHaveReadme(files: readonly RepositoryFile[]): Finding[] {
  const paths = new Set(files.map(({ path }) => path));
  const rooms = new Set(files.flatMap(({ path }) => ROOMS.exec(path)?.[1] ?? []));
  return [...rooms]
    .filter((room) => !paths.has(`${room}/README.md`))
    .map((room) => ({
      path: `${room}/README.md`,
      problem: 'a room without a README',
      remedy: 'Say what it owns, its stages and what a crash after each leaves, its decisions, why each package.',
    }));
}

const LINK = /\[[^\]]*\]\(([^)\s]+)[^)]*\)/g;
const CODE = /```[\s\S]*?```|`[^`\n]*`/g;

/** Links between the files of the repository lead somewhere; those to the outside are not followed. */
export function checkLinks(files: readonly RepositoryFile[]): Finding[] {
  const paths = new Set(files.flatMap(({ path }) => ancestors(path)));
  return files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) => {
      const prose = text.replace(CODE, (code) => code.replace(/[^\n]/g, ' '));
      return [...prose.matchAll(LINK)].flatMap((link): Finding[] => {
        const target = (link[1] ?? '').split('#')[0] ?? '';
        if (target === '' || /^[a-z]+:/.test(target)) return [];
        if (paths.has(posix.normalize(posix.join(posix.dirname(path), target)).replace(/\/$/, ''))) return [];
        const line = prose.slice(0, link.index).split('\n').length;
        return [
          { path, line, problem: `the link to ${target} leads nowhere`, remedy: 'Mend the path or drop the link.' },
        ];
      });
    });
}

function ancestors(path: string): string[] {
  const parts = path.split('/');
  return parts.map((_, at) => parts.slice(0, at + 1).join('/'));
}

interface Manifest {
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}

/** A package is in the root manifest because some README says why; types follow the package they describe. */
export function checkDependenciesAreExplained(files: readonly RepositoryFile[]): Finding[] {
  const manifest = JSON.parse(files.find(({ path }) => path === 'package.json')?.text ?? '{}') as Manifest;
  const prose = files.filter(({ path }) => posix.basename(path) === 'README.md').map(({ text }) => text);
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
    .filter((name) => !name.startsWith('@types/'))
    .filter((name) => !prose.some((text) => mentions(text, name)))
    .map((name) => ({
      path: 'package.json',
      problem: `no README says why \`${name}\` is needed`,
      remedy: 'Say it in the room that uses it, or remove the package.',
    }));
}

/** In backquotes, so that `node` or `pg` in passing is no explanation. */
function mentions(text: string, name: string): boolean {
  return text.includes(`\`${name}\``);
}

const EXPORT = /^export (?:async )?(?:function\*?|const|class) (\w+)/gm;
const WORD = /\w+/g;

/** What no other file names need not be exported. Types may be: they make signatures readable where they are hovered. */
export function checkExportsAreUsed(files: readonly RepositoryFile[]): Finding[] {
  const sources = files.filter(({ path }) => /\.(ts|js|mjs)$/.test(path) && !path.includes('/gen/'));
  const usedIn = new Map<string, number>();
  for (const { text } of sources) {
    for (const word of new Set(text.match(WORD))) usedIn.set(word, (usedIn.get(word) ?? 0) + 1);
  }
  return sources
    .filter(({ path }) => path.endsWith('.ts'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(EXPORT)]
        .filter(([, name = '']) => usedIn.get(name) === 1)
        .map(([, name = '']) => ({
          path,
          problem: `nothing uses the export ${name}`,
          remedy: 'Remove it, or the word export.',
        })),
    );
}
