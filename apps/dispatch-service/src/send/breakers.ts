import type { SendOutcome } from '@herald/channels';
import type { MessageReason } from '@herald/errors';
import { makeBreaker, type Breaker, type Permission, type Transition, type Verdict } from './breaker';

/** Whom a breaker guards: one sender, or with it all others of its account. */
export interface Guarded {
  org: string;
  shard: number;
  channelAccountId: string;
  channelId: string;
}

/** What happened to a breaker; without a channel it is the account's. */
export interface BreakerChange {
  org: string;
  shard: number;
  channelAccountId: string;
  channelId: string | null;
  transition: NonNullable<Transition>;
  reason: MessageReason | undefined;
  /** When the next call is tried, from now on. */
  probeInMs: number;
}

/** The breakers of accounts and of their senders. */
export interface Breakers {
  /** Whether to claim for a sender, by its own breaker and that of its account. */
  permission(sender: Guarded): Permission;
  /** Takes the one message that may be claimed as a probe; returns how to give it back if none was sent. */
  probe(sender: Guarded): () => void;
  /** A message was sent, or something else came of it. */
  ended(sender: Guarded, outcome: SendOutcome, isProbe: boolean): void;
  /** What becomes of a message that was claimed before the breaker opened; undefined while it may go. */
  refusal(sender: Guarded): SendOutcome | undefined;
  /** How many are open, of accounts and of senders. */
  openCounts(): { account: number; sender: number };
}

/** What a message waits that was held back; no claim takes it before the breaker lets one through. */
const HELD_BACK_RETRY_MS = 1_000;
/** So many closed breakers are remembered; of the oldest the last 20 calls are forgotten. */
const BREAKERS_MAX = 20_000;

interface Entry {
  breaker: Breaker;
  /** Why it opened; undefined while it is closed. */
  reason: MessageReason | undefined;
}

type Scope = 'account' | 'sender';
const SCOPES: readonly Scope[] = ['account', 'sender'];

/** Keeps a breaker for each account and each sender that is sent through, and tells of what changes. */
export function makeBreakers(monotonicMs: () => number, onChange: (change: BreakerChange) => void): Breakers {
  const entries = { account: new Map<string, Entry>(), sender: new Map<string, Entry>() };
  // One object stands for a sender through a whole slice, and each of its messages asks twice: the names are made once.
  const names = new WeakMap<Guarded, Record<Scope, string>>();
  const entryOf = (scope: Scope, sender: Guarded): Entry => {
    const known = names.get(sender);
    const name = known ?? namesOf(sender);
    if (!known) names.set(sender, name);
    return find(entries[scope], name[scope]);
  };
  const tell = (sender: Guarded, scope: Scope, entry: Entry, transition: NonNullable<Transition>) => {
    const { org, shard, channelAccountId, channelId } = sender;
    const nowMs = monotonicMs();
    const permission = entry.breaker.permission(nowMs);
    const probeInMs = permission.kind === 'open' ? permission.untilMs - nowMs : 0;
    const guarded = { org, shard, channelAccountId, channelId: scope === 'sender' ? channelId : null };
    onChange({ ...guarded, transition, reason: entry.reason, probeInMs });
  };

  return {
    permission: (sender) => {
      const nowMs = monotonicMs();
      const permissions = SCOPES.map((scope) => entryOf(scope, sender).breaker.permission(nowMs));
      const times = permissions.flatMap((each) => (each.kind === 'open' ? [each.untilMs] : []));
      if (times.length > 0) return { kind: 'open', untilMs: Math.max(...times) };
      return permissions.find(({ kind }) => kind === 'probe') ?? { kind: 'closed' };
    },
    probe: (sender) => {
      const nowMs = monotonicMs();
      const breakers = SCOPES.map((scope) => entryOf(scope, sender).breaker);
      const probing = breakers.filter((breaker) => breaker.permission(nowMs).kind === 'probe');
      for (const breaker of probing) breaker.probe();
      return () => probing.forEach((breaker) => breaker.giveProbeBack());
    },
    ended: (sender, outcome, isProbe) => {
      for (const scope of SCOPES) {
        const entry = entryOf(scope, sender);
        const verdict = verdictOf(outcome, scope);
        // A probe that says nothing of whom it was for is as good as not made: another has to be.
        if (!verdict && isProbe) entry.breaker.giveProbeBack();
        const transition = verdict && entry.breaker.ended(verdict, monotonicMs(), isProbe);
        if (!transition) continue;
        entry.reason = transition === 'closed' || outcome.kind === 'accepted' ? undefined : outcome.reason;
        tell(sender, scope, entry, transition);
      }
    },
    refusal: (sender) => {
      const reason = entryOf('account', sender).reason ?? entryOf('sender', sender).reason;
      if (reason === undefined) return undefined;
      const isRefused = reason === 'ACCOUNT_AUTHENTICATION_FAILED';
      return {
        ...{ kind: 'not_sent', retryAfterMs: HELD_BACK_RETRY_MS },
        reason: isRefused ? reason : 'CONNECTION_FAILED',
      };
    },
    openCounts: () => ({ account: openOf(entries.account), sender: openOf(entries.sender) }),
  };
}

function namesOf({ org, channelAccountId, channelId }: Guarded): Record<Scope, string> {
  return { account: `${org}/${channelAccountId}`, sender: `${org}/${channelAccountId}/${channelId}` };
}

function openOf(entries: ReadonlyMap<string, Entry>): number {
  return [...entries.values()].filter(({ reason }) => reason !== undefined).length;
}

function find(entries: Map<string, Entry>, key: string): Entry {
  const known = entries.get(key);
  if (known) return known;
  const made: Entry = { breaker: makeBreaker(), reason: undefined };
  entries.set(key, made);
  for (const [oldest, { reason }] of entries) {
    if (entries.size <= BREAKERS_MAX) break;
    if (reason === undefined) entries.delete(oldest);
  }
  return made;
}

/**
 * What an outcome says of who is called; undefined when nobody was. A refusal, and also "too many requests", is an answer:
 * who answers is there. Credentials are the account's, and no sender is to blame for them.
 */
function verdictOf(outcome: SendOutcome, scope: Scope): Verdict | undefined {
  if (outcome.kind === 'unknown') return 'failure';
  if (outcome.kind !== 'not_sent' || outcome.reason === 'THROTTLED') return 'success';
  if (outcome.reason === 'CONNECTION_FAILED') return 'failure';
  if (outcome.reason === 'ACCOUNT_AUTHENTICATION_FAILED') return scope === 'account' ? 'fatal' : undefined;
  return undefined;
}
