/** A table of counts, the largest first; what is zero is left out. */
export function tableOf(title: string, counts: Readonly<Record<string, number>>): string {
  const rows = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  const width = Math.max(title.length, ...rows.map(([name]) => name.length));
  const lines = rows.map(([name, count]) => `  ${name.padEnd(width)}  ${String(count).padStart(5)}`);
  return [`  ${title.padEnd(width)}  count`, ...lines, ''].join('\n');
}
