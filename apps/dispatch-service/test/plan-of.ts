import type { TestDatabase } from '@herald/testing';

/** A statement whose plan is asked for: who runs it, and with what. */
export interface Explained {
  name: string;
  text: string;
  as: 'app' | 'worker';
  org: string;
  params: readonly unknown[];
}

/** What a statement did when it ran. */
export interface Executed {
  /** Pages read, from memory or disk. */
  buffers: number;
  /** Tables and partitions of which every row was read. */
  scanned: string[];
  /** Partitions that were looked into. */
  partitions: string[];
}

interface Node {
  'Node Type': string;
  'Relation Name'?: string;
  'Actual Loops': number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Node[];
}

/**
 * Runs a statement as the service does, by a plan made for any parameters (`generic`) or for these, and takes back what
 * it did.
 */
export async function planOf(
  test: Pick<TestDatabase, 'asOwner'>,
  { name, text, as, org, params }: Explained,
  kind: 'generic' | 'custom',
): Promise<Executed> {
  await test.asOwner(
    `begin; set local role herald_dispatch_${as}; set local herald.org = '${org}';
     set local plan_cache_mode = force_${kind}_plan; prepare explained as ${text}`,
  );
  try {
    const values = params.length === 0 ? '' : `(${params.map(literal).join(', ')})`;
    const [row] = await test.asOwner<{ 'QUERY PLAN': { Plan: Node }[] }>(
      `explain (analyze, buffers, timing off, summary off, format json) execute explained${values}`,
    );
    const root = row?.['QUERY PLAN'][0]?.Plan;
    if (!root) throw new Error(`${name} has no plan`);
    return executed(root);
  } finally {
    await test.asOwner('rollback');
    await test.asOwner('deallocate explained');
  }
}

function executed(root: Node): Executed {
  const nodes = allOf(root).filter((node) => node['Actual Loops'] > 0);
  const named = (wanted: (node: Node) => boolean) =>
    [...new Set(nodes.filter(wanted).flatMap((node) => node['Relation Name'] ?? []))].sort();
  return {
    buffers: root['Shared Hit Blocks'] + root['Shared Read Blocks'],
    scanned: named((node) => node['Node Type'] === 'Seq Scan'),
    // What is updated names its table too; what was looked into is below it.
    partitions: named(
      (node) => node['Node Type'].endsWith('Scan') && /_\d{4}_\d{2}$/.test(node['Relation Name'] ?? ''),
    ),
  };
}

function allOf(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(allOf)];
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return quoted(`{${value.map(element).join(',')}}`);
  return quoted(plain(value));
}

function element(value: unknown): string {
  return value === null ? 'null' : `"${plain(value).replaceAll(/["\\]/g, '\\$&')}"`;
}

function plain(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  return String(value);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
