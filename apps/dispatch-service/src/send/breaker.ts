/** Calls that are looked back on, and how many of them must have failed. */
const CALLS = 20;
const FAILURES_MAX = CALLS / 2;
/** The pause before the first probe, doubled with each probe that fails. */
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 30_000;

/** What an answer says of whoever gave it. `fatal` opens a breaker alone: more calls would only be refused as well. */
export type Verdict = 'success' | 'failure' | 'fatal';

/** Whether to call: yes, one call to try, or not before a time. */
export type Permission = { kind: 'closed' } | { kind: 'probe' } | { kind: 'open'; untilMs: number };

/** What changed by an answer. */
export type Transition = 'opened' | 'reopened' | 'closed' | undefined;

/** Keeps calls from who cannot take them. */
export interface Breaker {
  /** Whether to call at a time; asking changes nothing. */
  permission(nowMs: number): Permission;
  /** Takes the one call that `permission` offers as a probe. No other is offered until it ends. */
  probe(): void;
  /** The probe was not made after all. */
  giveProbeBack(): void;
  /** A call ended. While the breaker is open only the probe's end counts: the others began before. */
  ended(verdict: Verdict, nowMs: number, isProbe: boolean): Transition;
}

/**
 * A circuit breaker (Nygard, Release It!): it opens when half of the last 20 calls failed, or one did fatally; it offers
 * one probe after a pause of a second, and each probe that fails doubles the pause, up to 30 s. A probe that succeeds
 * closes it, and what was before is forgotten.
 */
export function makeBreaker(): Breaker {
  let calls: boolean[] = [];
  let failures = 0;
  let pauseMs = PAUSE_MS;
  /** When the next probe may be made; undefined while the breaker is closed. */
  let probeAtMs: number | undefined;
  let isProbing = false;

  const open = (nowMs: number, afterMs: number) => {
    pauseMs = Math.min(afterMs, PAUSE_MS_MAX);
    probeAtMs = nowMs + pauseMs;
    calls = [];
    failures = 0;
  };
  const count = (hasFailed: boolean): boolean => {
    calls.push(hasFailed);
    failures += hasFailed ? 1 : 0;
    if (calls.length > CALLS && calls.shift()) failures -= 1;
    return calls.length === CALLS && failures >= FAILURES_MAX;
  };
  const endProbe = (verdict: Verdict, nowMs: number): Transition => {
    isProbing = false;
    if (verdict !== 'success') {
      open(nowMs, pauseMs * 2);
      return 'reopened';
    }
    probeAtMs = undefined;
    return 'closed';
  };

  return {
    permission: (nowMs) => {
      if (probeAtMs === undefined) return { kind: 'closed' };
      // While a probe is on its way its end is not known: who asks is told when to ask again.
      if (isProbing) return { kind: 'open', untilMs: nowMs + PAUSE_MS };
      return nowMs >= probeAtMs ? { kind: 'probe' } : { kind: 'open', untilMs: probeAtMs };
    },
    probe: () => {
      isProbing = true;
    },
    giveProbeBack: () => {
      isProbing = false;
    },
    ended: (verdict, nowMs, isProbe) => {
      if (probeAtMs !== undefined) return isProbe && isProbing ? endProbe(verdict, nowMs) : undefined;
      if (!count(verdict !== 'success') && verdict !== 'fatal') return undefined;
      open(nowMs, PAUSE_MS);
      return 'opened';
    },
  };
}
