import type { ProviderCallback } from '@herald/contracts/event';
import { rankOfStatus } from '@herald/channels';
import type { Tx } from '@herald/postgres';
import { applyEvidence, lock, type LockedMessage, type MessageEvidence } from '../evidence/evidence-store';
import { noteWords, type WordAboutProviderId } from '../evidence/provider-refs';
import { reasonOf } from '../evidence/reason-of';
import type { EventDeps, StateChange } from '../events';
import { validate as isUuid } from 'uuid';
import { tryOnceMore } from './try-once-more';

/** What became of callbacks, counted. */
export interface Settled {
  changes: StateChange[];
  /** About statuses that say nothing, or messages that are not the account's. */
  ignored: number;
  /** That say the opposite of what was known. */
  contradictions: number;
  /** The traces of the calls that accepted what was settled. */
  traceparents: string[];
}

/**
 * Merges status callbacks into the ledger, in one transaction. A callback that carries our ids counts only when the
 * message belongs to the organisation and the account of the callback's path: the provider signed the ids, but an
 * account is not to be believed about another's messages. One without ids goes by the provider's id.
 *
 * Crash before the commit: the bus hands the callbacks over again. After: a repeat changes nothing.
 */
export async function settleCallbacks(
  tx: Tx,
  deps: EventDeps,
  callbacks: readonly ProviderCallback[],
): Promise<Settled> {
  const ranked = callbacks.flatMap((callback) => {
    const rank = rankOfStatus(callback.providerStatus);
    return rank === undefined ? [] : [{ ...callback, rank }];
  });
  const withIds = ranked.filter(carriesOurIds);
  const withoutIds = ranked.filter((callback) => !carriesOurIds(callback));
  const fromProviderIds = await noteWords(tx, withoutIds.map(asWord));
  const locked = await lock(tx, [
    ...withIds.map(({ orgId, messageId }) => ({ org: orgId, messageId: messageId.toLowerCase() })),
    ...fromProviderIds,
  ]);
  const byId = new Map(locked.map((message) => [message.id, message]));
  const believed = withIds.filter((callback) => belongs(byId.get(callback.messageId.toLowerCase()), callback));
  const evidence = [...believed.map(asEvidence), ...fromProviderIds];
  const { changes, contradictions } = await applyEvidence(tx, deps, { locked, evidence });
  await tryOnceMore(tx, deps, { locked, changes, source: 'CALLBACK' });
  const traceparents = [...new Set(locked.flatMap(({ traceparent }) => traceparent ?? []))];
  const ignored = callbacks.length - ranked.length + withIds.length - believed.length;
  return { changes, contradictions, traceparents, ignored };
}

function carriesOurIds({ messageId, attempt }: ProviderCallback): boolean {
  return isUuid(messageId) && attempt > 0;
}

type Ranked = ProviderCallback & { rank: number };

function belongs(message: LockedMessage | undefined, { orgId, channelAccountId }: ProviderCallback): boolean {
  return message?.org === orgId && message.channelAccountId === channelAccountId;
}

function asEvidence(callback: Ranked): MessageEvidence {
  const providerCode = callback.providerErrorCode === '' ? null : callback.providerErrorCode;
  return {
    org: callback.orgId,
    messageId: callback.messageId.toLowerCase(),
    attempt: callback.attempt,
    rank: callback.rank,
    reason: reasonOf(callback.rank, providerCode),
    providerCode,
    providerId: callback.providerMessageId === '' ? null : callback.providerMessageId,
    source: 'CALLBACK',
  };
}

function asWord(callback: Ranked): WordAboutProviderId {
  return {
    org: callback.orgId,
    channelAccountId: callback.channelAccountId,
    providerId: callback.providerMessageId,
    rank: callback.rank,
    providerCode: callback.providerErrorCode === '' ? null : callback.providerErrorCode,
  };
}
