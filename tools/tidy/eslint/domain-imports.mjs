import { dirname, resolve, sep } from 'node:path';

/** The part of a path up to and including its last `domain` folder; undefined for a file outside of one. */
function domainRoot(path) {
  const parts = path.split(sep);
  const at = parts.lastIndexOf('domain');
  return at < 0 ? undefined : parts.slice(0, at + 1).join(sep);
}

/**
 * A domain folder leans on nothing around it: a relative import may not leave the folder, because what stands
 * outside reads the database or the wire. Types are erased, so `import type` may.
 */
export const domainImports = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      leaves:
        '"{{source}}" leaves the domain folder. Pass what the decision needs as an argument, or move the pure part in here.',
    },
  },
  create(context) {
    const root = domainRoot(dirname(context.filename));
    if (root === undefined) return {};
    const check = (node) => {
      const source = node.source?.value;
      if (typeof source !== 'string' || !source.startsWith('.')) return;
      if ((node.importKind ?? node.exportKind) === 'type') return;
      const target = resolve(dirname(context.filename), source);
      if (!target.startsWith(root + sep)) context.report({ node: node.source, messageId: 'leaves', data: { source } });
    };
    return { ImportDeclaration: check, ExportNamedDeclaration: check, ImportExpression: check };
  },
};
