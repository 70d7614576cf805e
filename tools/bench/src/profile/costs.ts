/** A profile as V8 writes it: nodes of a call tree, and which of them was found at work when. */
export interface CpuProfile {
  nodes: readonly {
    id: number;
    /** Lines and columns count from 0. */
    callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number };
  }[];
  samples: readonly number[];
  /** Microseconds since the sample before, of each sample. */
  timeDeltas: readonly number[];
}

/** What one place of the code cost by itself, without what it called. */
export interface Cost {
  /** A file of the repository, a package, a module of node, or what V8 calls in brackets. */
  place: string;
  /** The functions of it that cost most. */
  functions: readonly string[];
  usPerMessage: number;
  /** Of all the time in which the process did something, from 0 to 1. */
  share: number;
}

const FUNCTIONS_NAMED = 3;
/** In this time the process had nothing to do. */
const IDLE = new Set(['(idle)', '(root)']);
const PACKAGE = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;
const ROOM = /\/((?:apps|libs|tools)\/.+)$/;

/** Adds up the time of each place, the dearest first. Time in which nothing was done, and the profiler's own, is left out. */
export function costsOf({ nodes, samples, timeDeltas }: CpuProfile, messages: number): Cost[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const places = new Map<string, Map<string, number>>();
  let allUs = 0;
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    const us = timeDeltas[index] ?? 0;
    // The start of the profile itself takes half a second.
    if (!frame || us <= 0 || IDLE.has(frame.functionName) || frame.url === 'node:inspector') return;
    allUs += us;
    const functions = places.get(placeOf(frame)) ?? new Map<string, number>();
    places.set(placeOf(frame), functions);
    const name = frame.functionName || '(anonymous)';
    functions.set(name, (functions.get(name) ?? 0) + us);
  });
  return [...places]
    .map(([place, functions]) => {
      const us = [...functions.values()].reduce((sum, each) => sum + each, 0);
      const dearest = [...functions].sort(([, a], [, b]) => b - a).slice(0, FUNCTIONS_NAMED);
      return { place, functions: dearest.map(([name]) => name), usPerMessage: us / messages, share: us / allUs };
    })
    .sort((a, b) => b.usPerMessage - a.usPerMessage);
}

/** What is written in C++ has no file: its function's name has to do. */
function placeOf({ functionName, url }: { functionName: string; url: string }): string {
  if (url === '') return functionName.startsWith('(') ? functionName : '(native)';
  const path = url.replace(/^file:\/\//, '');
  const ofPackage = PACKAGE.exec(path)?.[1];
  return ofPackage ?? ROOM.exec(path)?.[1] ?? path;
}
