/** Shows an answer to a person: nested fields indented, lists item by item, empty values and counts of 0 left out. */
export function show(value: unknown): string {
  return lines(value, 0).join('\n');
}

const STATE_PREFIX = /^([A-Z]+_)*STATE_/;

function lines(value: unknown, depth: number): string[] {
  if (typeof value !== 'object' || value === null || value instanceof Date) return [text(value)];
  const pad = '  '.repeat(depth);
  if (Array.isArray(value)) return value.flatMap((item) => itemLines(item, depth));
  return Object.entries(value)
    .map(([name, member]): [string, unknown] => [name, name === 'counts' ? withoutZeros(member) : member])
    .filter(([, member]) => !isEmpty(member))
    .flatMap(([name, member]) =>
      isNested(member) ? [`${pad}${name}:`, ...lines(member, depth + 1)] : [`${pad}${name}: ${text(member)}`],
    );
}

function isNested(member: unknown): member is object {
  return typeof member === 'object' && member !== null && !(member instanceof Date);
}

/** The ledger has a dozen states, and most of them are empty most of the time. */
function withoutZeros(counts: unknown): unknown {
  return isNested(counts) ? Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)) : counts;
}

function itemLines(item: unknown, depth: number): string[] {
  const [first = '', ...rest] = lines(item, depth + 1);
  return [`${'  '.repeat(depth)}- ${first.trimStart()}`, ...rest];
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return isNested(value) && Object.keys(value).length === 0;
}

function text(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  return String(value).replace(STATE_PREFIX, '');
}
