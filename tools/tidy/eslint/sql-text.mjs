/** Where the text of a statement stands among the arguments: `sql(tx, text)`, `sql.prepared(name, text)`, `client.query(text)`. */
const TEXT_ARGUMENT = new Map([
  ['sql', 1],
  ['execute', 1],
  ['prepared', 1],
  ['query', 0],
]);

/** The name a call goes by: the function's, or the last part of `a.b.c()`. Plain `.execute()` of other things is not SQL. */
function callName({ callee }) {
  if (callee.type === 'Identifier') return callee.name === 'query' ? undefined : callee.name;
  if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return undefined;
  return callee.property.name === 'query' || callee.property.name === 'prepared' ? callee.property.name : undefined;
}

/** The text itself, also where it is handed over as `query({ text, values })`. */
function textArgument(node) {
  const argument = node.arguments[TEXT_ARGUMENT.get(callName(node))];
  if (argument?.type !== 'ObjectExpression') return argument;
  return argument.properties.find((property) => property.type === 'Property' && property.key.name === 'text')?.value;
}

function initialiser(identifier, scope) {
  for (let at = scope; at; at = at.upper) {
    const variable = at.set.get(identifier.name);
    if (variable === undefined) continue;
    const [definition] = variable.defs;
    if (definition?.type === 'ImportBinding') return 'imported';
    if (definition?.type !== 'Variable' || definition.parent.kind !== 'const') return undefined;
    return definition.node.init ?? undefined;
  }
  return undefined;
}

/** A constant by the language or by the convention that imported constants are UPPER_CASE. */
function isConstantPart(expression, scope, depth) {
  if (expression.type !== 'Identifier') return isFixedText(expression, scope, depth);
  const value = initialiser(expression, scope);
  if (value === 'imported') return /^[A-Z][A-Z0-9_]*$/.test(expression.name);
  return value !== undefined && isFixedText(value, scope, depth);
}

/** Whether the text is the same at every call: literals, and literals put together from constants. */
function isFixedText(expression, scope, depth = 8) {
  if (depth === 0) return false;
  switch (expression.type) {
    case 'Literal':
      return true;
    case 'TemplateLiteral':
      return expression.expressions.every((part) => isConstantPart(part, scope, depth - 1));
    case 'BinaryExpression':
      return [expression.left, expression.right].every((part) => isConstantPart(part, scope, depth - 1));
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
      return isFixedText(expression.expression, scope, depth - 1);
    default:
      return false;
  }
}

/** A text that is visibly put together; a parameter or a call is judged where its own text is written. */
function isPutTogether(expression, scope) {
  const value = expression.type === 'Identifier' ? initialiser(expression, scope) : expression;
  if (value === undefined || value === 'imported') return false;
  return (value.type === 'TemplateLiteral' || value.type === 'BinaryExpression') && !isFixedText(value, scope);
}

/** The text of a statement is fixed where it is written; what varies is a parameter (`$1`). */
export const sqlText = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      fixed:
        'The text of a statement is fixed: pass what varies as a parameter ($1, $2, …). Constants of this file and imported UPPER_CASE constants may be part of it.',
    },
  },
  create(context) {
    return {
      CallExpression(node) {
        const text = textArgument(node);
        if (text === undefined || text.type === 'SpreadElement') return;
        if (isPutTogether(text, context.sourceCode.getScope(node))) context.report({ node: text, messageId: 'fixed' });
      },
    };
  },
};
