const ACCEPTED_RANK = 10;

/**
 * How far each status is along a message's way. Evidence merges by the highest rank, so that callbacks may come in any
 * order. Up to 40 is sent, 50 to 60 failed, 61 undelivered, 70 to 80 delivered, 90 read; ranks below 10 are inferred by
 * Herald itself and lose to any of these.
 */
const RANKS: Readonly<Record<string, number>> = {
  accepted: ACCEPTED_RANK,
  scheduled: 15,
  queued: 20,
  sending: 30,
  sent: 40,
  canceled: 50,
  failed: 60,
  undelivered: 61,
  partially_delivered: 70,
  delivered: 80,
  read: 90,
};

/** The rank of a provider's status; undefined for a status that says nothing about an outbound message. */
export function rankOfStatus(status: string): number | undefined {
  const name = status.toLowerCase();
  return Object.hasOwn(RANKS, name) ? RANKS[name] : undefined;
}

/** The rank of the status of a message that the provider surely has: one that no table knows tells at least that. */
export function rankOfTaken(status: string): number {
  return rankOfStatus(status) ?? ACCEPTED_RANK;
}
