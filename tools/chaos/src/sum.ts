import type { BusName } from './hurt';
import type { Outcome } from './run';

/** The last line of a chaos run: all runs together. */
export function sumOf(bus: BusName | 'both', outcomes: readonly Outcome[]) {
  const total = (count: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + count(outcome), 0);
  const most = (count: (outcome: Outcome) => number) =>
    outcomes.reduce((max, outcome) => Math.max(max, count(outcome)), 0);
  return {
    ...{ bus, runs: outcomes.length },
    failpointsHit: total(({ failpointsHit }) => failpointsHit),
    accepted: total(({ accepted }) => accepted),
    openAtKill: total(({ openAtKill }) => openAtKill),
    lost: total(({ lost }) => lost),
    duplicated: total(({ duplicated }) => duplicated),
    unknown: total(({ unknown }) => unknown),
    failedUnknown: total(({ failedUnknown }) => failedUnknown),
    unresolved: total(({ unresolved }) => unresolved),
    unanswered: total(({ unanswered }) => unanswered),
    unheard: total(({ unheard }) => unheard),
    pauseMsMax: most(({ pauseMsMax }) => pauseMsMax),
    requestMsMax: most(({ requestMsMax }) => requestMsMax),
  };
}
