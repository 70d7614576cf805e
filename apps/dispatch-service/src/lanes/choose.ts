import { CLAIM_BATCHES_MAX, type ClaimedSlice } from '../claim/claim';
import type { ReadyBatches, WaitingBatch } from './lanes';
import type { ReplyShare } from './reply-share';
import { CLAIM_MESSAGES_MAX } from './turns';

/** Replies that are claimed while there is no room for anything else. */
const URGENT_REPLIES_MAX = 100;

/** The batches of one claim, in the order in which they are to be sent. */
export interface Choice {
  batches: readonly WaitingBatch[];
  messagesMax: number;
}

/**
 * What a sender's next claim takes: agents' replies first, then all else, unless all else is owed its fifth. Without room
 * for all else only replies, so that they pass a provider's full line; undefined when that leaves nothing.
 */
export function chooseBatches(
  { replies, others }: ReadyBatches,
  share: ReplyShare,
  hasRoom: boolean,
): Choice | undefined {
  if (!hasRoom) return replies.length > 0 ? { batches: replies, messagesMax: URGENT_REPLIES_MAX } : undefined;
  if (replies.length === 0 || others.length === 0) share.settle();
  const owed = share.owed();
  if (owed >= 1) return { batches: others, messagesMax: owed };
  const batches = [...replies, ...others].slice(0, CLAIM_BATCHES_MAX);
  return batches.length > 0 ? { batches, messagesMax: CLAIM_MESSAGES_MAX } : undefined;
}

/** Keeps account of what a claim took of a sender for which both waited. */
export function settleShare(
  { replies, others }: ReadyBatches,
  share: ReplyShare,
  slices: readonly ClaimedSlice[],
): void {
  if (replies.length === 0 || others.length === 0) return;
  const ids = new Set(replies.map(({ id }) => id));
  const segments = { replies: 0, others: 0 };
  for (const { batchId, messages } of slices) {
    for (const message of messages) segments[ids.has(batchId) ? 'replies' : 'others'] += message.segments;
  }
  share.claimed(segments);
}
