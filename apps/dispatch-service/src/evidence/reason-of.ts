import { messageReasonOf } from '@herald/channels';
import type { MessageReason } from '@herald/errors';

const CANCELED_RANK = 50;
const FAILED_RANK = 60;
const UNDELIVERED_RANK = 61;

/** Why a message has the state that a provider's word gives it; null where the state needs no reason. */
export function reasonOf(rank: number, providerCode: string | null): MessageReason | null {
  if (rank === CANCELED_RANK) return 'CANCELLED_AT_PROVIDER';
  if (rank !== FAILED_RANK && rank !== UNDELIVERED_RANK) return null;
  const byCode = providerCode === null ? undefined : messageReasonOf(providerCode);
  return byCode ?? (rank === FAILED_RANK ? 'PROVIDER_REFUSED' : 'DELIVERY_FAILED');
}
