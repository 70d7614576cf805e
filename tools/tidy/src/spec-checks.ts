import ts from 'typescript';
import type { Finding, RepositoryFile } from './finding';

const TESTS = new Set(['it', 'test', 'fit', 'xit', 'xtest']);
const GROUPS = new Set(['describe', 'fdescribe', 'xdescribe']);
const PREFIXED = /^(f|x)(it|test|describe)$/;

/** A call of `it`, `describe.each(…)` and the like, taken apart. */
interface TestCall {
  base: string;
  modifiers: string[];
  title: string | undefined;
}

/** Reads `it.only.each(table)('title', …)` from the outside in: the modifiers, then the name at the root. */
function readTestCall(node: ts.CallExpression): TestCall | undefined {
  const modifiers: string[] = [];
  let callee: ts.Expression = node.expression;
  while (!ts.isIdentifier(callee)) {
    if (ts.isPropertyAccessExpression(callee)) modifiers.push(callee.name.text);
    else if (!ts.isCallExpression(callee) && !ts.isTaggedTemplateExpression(callee)) return undefined;
    callee = ts.isTaggedTemplateExpression(callee) ? callee.tag : callee.expression;
  }
  if (!TESTS.has(callee.text) && !GROUPS.has(callee.text)) return undefined;
  // `it.each(table)` alone only makes the function that is then called with the title.
  if (ts.isPropertyAccessExpression(node.expression) && modifiers[0] === 'each') return undefined;
  const [title] = node.arguments;
  return { base: callee.text, modifiers, title: title && ts.isStringLiteralLike(title) ? title.text : undefined };
}

/**
 * Walks a spec for tests that run alone or not at all, and for two tests of one name: a report that names a test
 * must lead to one place. A name is the test's own with those of the groups around it.
 */
export function checkSpec({ path, text }: RepositoryFile): Finding[] {
  if (!path.endsWith('.spec.ts')) return [];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const findings: Finding[] = [];
  const seen = new Map<string, number>();

  const visit = (node: ts.Node, groups: readonly string[]): void => {
    const call = ts.isCallExpression(node) ? readTestCall(node) : undefined;
    if (call === undefined) return ts.forEachChild(node, (child) => visit(child, groups));
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    const odd = PREFIXED.test(call.base)
      ? call.base
      : call.modifiers.find((word) => ['only', 'skip', 'todo'].includes(word));
    if (odd !== undefined) {
      findings.push({
        path,
        line,
        problem: `a test marked "${odd}"`,
        remedy: 'Every test runs: mend it or delete it.',
      });
    }
    if (call.title === undefined) return ts.forEachChild(node, (child) => visit(child, groups));
    const names = [...groups, call.title];
    if (TESTS.has(call.base)) noteName(names.join(' › '), line);
    ts.forEachChild(node, (child) => visit(child, names));
  };
  const noteName = (name: string, line: number): void => {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, line);
    else
      findings.push({
        path,
        line,
        problem: `"${name}" is the test of line ${first} again`,
        remedy: 'Name what differs.',
      });
  };
  visit(source, []);
  return findings;
}
