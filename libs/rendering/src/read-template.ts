import { isSlugKnown, isSlugName } from './slugs';

/** What is wrong with a text at one place. `position` counts UTF-16 code units from 1. */
export interface TemplateFault {
  reason: 'SLUG_INVALID' | 'SLUG_UNKNOWN';
  position: number;
  description: string;
}

/** A text taken apart: a literal before each slug, and one after the last. Without faults it can be rendered. */
export interface ReadTemplate {
  literals: readonly string[];
  slugs: readonly string[];
  /** The places that are no slugs, in the order of the text; they are part of the literals. */
  faults: readonly TemplateFault[];
  /** The well-formed slugs that nothing can fill. */
  unknown: readonly TemplateFault[];
}

/** A text of nothing but braces has as many faults as characters; whoever corrects it needs the first ones. */
export const FAULTS_MAX = 10;

type Brace = { kind: 'slug'; name: string; end: number } | { kind: 'fault'; fault: TemplateFault; end: number };

/** Takes a text apart, and goes on after a fault so that an author sees the others as well. */
export function readTemplate(text: string): ReadTemplate {
  const literals: string[] = [];
  const slugs: string[] = [];
  const faults: TemplateFault[] = [];
  const unknown: TemplateFault[] = [];
  let from = 0;
  for (let at = nextBrace(text, 0); at !== -1 && faults.length < FAULTS_MAX;) {
    const brace = readBrace(text, at);
    if (brace.kind === 'fault') faults.push(brace.fault);
    else {
      literals.push(text.slice(from, at));
      slugs.push(brace.name);
      if (!isSlugKnown(brace.name)) unknown.push(unknownAt(at, brace.name));
      from = brace.end;
    }
    at = nextBrace(text, brace.end);
  }
  literals.push(text.slice(from));
  return { literals, slugs, faults, unknown };
}

function nextBrace(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) if (text[at] === '{' || text[at] === '}') return at;
  return -1;
}

function readBrace(text: string, at: number): Brace {
  if (text[at] === '}') return faultAt(at, 'a closing brace without its opening one', at + 1);
  const { end, tooDeepAt } = extentOf(text, at);
  if (end === undefined) return faultAt(at, 'an opening brace without its closing one', at + 1);
  if (tooDeepAt !== undefined) return faultAt(tooDeepAt, 'braces three deep; a slug holds one pair at most', end);
  const name = text.slice(at + 1, end - 1).trim();
  if (isSlugName(name)) return { kind: 'slug', name, end };
  return faultAt(at, 'not the name of a slug; write it as {OrderNumber} or {FullName{Customer}}', end);
}

/** Where the braces opened at `start` are closed again (exclusive), and where they first get three deep. */
function extentOf(text: string, start: number): { end: number | undefined; tooDeepAt: number | undefined } {
  let depth = 0;
  let tooDeepAt: number | undefined;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '{') depth += 1;
    if (text[at] === '}') depth -= 1;
    if (depth > 2) tooDeepAt ??= at;
    if (depth === 0) return { end: at + 1, tooDeepAt };
  }
  return { end: undefined, tooDeepAt };
}

function faultAt(at: number, description: string, end: number): Brace {
  return { kind: 'fault', fault: { reason: 'SLUG_INVALID', position: at + 1, description }, end };
}

function unknownAt(at: number, name: string): TemplateFault {
  const description = `nothing fills {${name}}; known are FullName, FirstName, LastName and NickName of Customer or Agent`;
  return { reason: 'SLUG_UNKNOWN', position: at + 1, description };
}
