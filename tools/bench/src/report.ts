import type { RunResult } from './bench';
import type { Cost } from './profile/costs';
import { median } from './statistics';
import type { BusName } from './system';

/** All runs of all scenarios of one bus, by the name of the scenario. */
export type Results = ReadonlyMap<string, readonly RunResult[]>;

const COSTS_SHOWN = 25;

/** The rates of all runs by scenario, with what was timed. */
export function tableOf(results: Results): string {
  const head = ['scenario', 'per s', 'runs', 'p50 ms', 'p99 ms', 'messages', 'connections', 'open'];
  const rows = [...results].map(([name, runs]) => [
    name,
    whole(medianOf(runs, ({ perS }) => perS)),
    runs.map(({ perS }) => whole(perS)).join(' '),
    fine(medianOf(runs, ({ latency }) => latency?.p50)),
    fine(medianOf(runs, ({ latency }) => latency?.p99)),
    whole(runs.reduce((sum, { messages }) => sum + messages, 0)),
    whole(medianOf(runs, ({ connections }) => connections)),
    whole(medianOf(runs, ({ open }) => open)),
  ]);
  return aligned([head, ...rows]);
}

/** What each process used in the last run of each scenario: the peak of its memory, and processor time. */
export function usageTableOf(results: Results): string {
  const usages = [...results].map(([name, runs]) => [name, runs.at(-1)?.usage ?? {}] as const);
  const names = [...new Set(usages.flatMap(([, usage]) => Object.keys(usage)))];
  const rows = usages.map(([name, usage]) => [
    name,
    ...names.map((process) => (usage[process] ? `${usage[process].rssMb} MB ${usage[process].cpuSeconds} s` : '')),
  ]);
  return aligned([['scenario', ...names], ...rows]);
}

/** What cost most for each message. */
export function costTableOf(costs: readonly Cost[]): string {
  const rows = costs
    .slice(0, COSTS_SHOWN)
    .map(({ place, functions, usPerMessage, share }) => [
      usPerMessage.toFixed(1),
      `${(share * 100).toFixed(1)} %`,
      place,
      functions.join(' '),
    ]);
  const all = costs.reduce((sum, { usPerMessage }) => sum + usPerMessage, 0);
  return aligned([['µs/message', 'share', 'where', 'most in'], ...rows, [all.toFixed(1), '100 %', 'all', '']]);
}

/**
 * The line of a bus: medians, and ratios of medians. What did not run is null. The first fields are those that are always
 * there; those after `rssMb` tell more.
 */
export function lineOf(bus: BusName, senderName: string, results: Results): Record<string, unknown> {
  const rate = (name: string) => medianOf(results.get(name) ?? [], ({ perS }) => perS);
  const more = (name: string, field: string) => medianOf(results.get(name) ?? [], (run) => run.more?.[field]);
  const ratio = (a: number | undefined, b: number | undefined) =>
    a === undefined || b === undefined ? null : Math.round((a / b) * 1000) / 1000;
  const [ceiling, endToEndCeiling] = [rate('ceiling'), rate('end-to-end-ceiling')];
  const peaks = [...results.values()].flat().map(({ usage }) => usage[senderName]?.rssMb ?? 0);
  const wait = results.get('backlog')?.at(-1)?.latency;
  return {
    bus,
    ceilingPerS: rounded(ceiling),
    acceptPerS: rounded(rate('accept')),
    drainPerS: rounded(rate('drain')),
    drainRatio: ratio(rate('drain'), ceiling),
    endToEndCeilingPerS: rounded(endToEndCeiling),
    endToEndPerS: rounded(rate('end-to-end')),
    endToEndRatio: ratio(rate('end-to-end'), endToEndCeiling),
    callbacksPerS: rounded(more('end-to-end', 'callbacksPerS')),
    rssMb: Math.max(0, ...peaks),
    drainHundredPerS: rounded(rate('drain-hundred')),
    drainHundredRatio: ratio(rate('drain-hundred'), ceiling),
    ceilingDispatchPerS: rounded(rate('ceiling-dispatch')),
    slowProviderPerS: rounded(rate('slow-provider')),
    slowProviderLimitPerS: rounded(more('slow-provider', 'limitPerS')),
    slowProviderRatio: ratio(rate('slow-provider'), more('slow-provider', 'limitPerS')),
    backlogPerS: rounded(rate('backlog')),
    backlogRssMb: rounded(more('backlog', 'rssMb')),
    backlogSmallP50Ms: rounded(wait?.p50),
    backlogSmallP99Ms: rounded(wait?.p99),
    faults: [...results.values()].flat().flatMap((run) => run.faults).length,
  };
}

function medianOf(runs: readonly RunResult[], value: (run: RunResult) => number | undefined): number | undefined {
  return median(runs.flatMap((run) => value(run) ?? []));
}

const rounded = (value: number | undefined) => (value === undefined ? null : Math.round(value));
const whole = (value: number | undefined) => (value === undefined ? '' : String(Math.round(value)));
const fine = (value: number | undefined) => (value === undefined ? '' : value.toFixed(value < 10 ? 2 : 0));

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
