import { readFile } from 'node:fs/promises';
import { SourceMap } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CpuProfile } from './costs';

const BUILT = /\/dist\/main\.js$/;

/** A profile with each function in the file that it was written in: a service runs as one file that was built of many. */
export async function withSources(profile: CpuProfile): Promise<CpuProfile> {
  const built = new Set(profile.nodes.map(({ callFrame }) => callFrame.url).filter((url) => BUILT.test(url)));
  const maps = new Map<string, SourceMap>();
  for (const url of built) maps.set(url, await sourceMapOf(url));
  const nodes = profile.nodes.map((node) => {
    const { url, lineNumber, columnNumber } = node.callFrame;
    const entry = maps.get(url)?.findEntry(lineNumber, columnNumber);
    if (!entry || !('originalSource' in entry)) return node;
    return { ...node, callFrame: { ...node.callFrame, url: resolve(pathOf(url), '..', entry.originalSource) } };
  });
  return { ...profile, nodes };
}

async function sourceMapOf(url: string): Promise<SourceMap> {
  return new SourceMap(
    JSON.parse(await readFile(`${pathOf(url)}.map`, 'utf8')) as ConstructorParameters<typeof SourceMap>[0],
  );
}

function pathOf(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}
