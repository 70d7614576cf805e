import { MessageState } from '@herald/contracts/dispatch';

/** A message that a caller was told is accepted. */
export interface AcceptedMessage {
  id: string;
  acceptedAtMs: number;
}

/** A message that the provider took. */
export interface Receipt {
  messageId: string;
  receivedAtMs: number;
}

/** What a run is judged by: what callers were told, what the ledger says, what the provider has. */
export interface Evidence {
  accepted: readonly AcceptedMessage[];
  states: ReadonlyMap<string, MessageState>;
  receipts: readonly Receipt[];
}

/** What became of the accepted messages. Of a system that keeps its promises `lost`, `duplicated` and `unresolved` are 0. */
export interface Verdict {
  accepted: number;
  /** The ledger does not know them, has no outcome for them, or says that they were sent and the provider has none. */
  lost: number;
  /** Taken by the provider more than once. */
  duplicated: number;
  /** Their fate died with a process or an answer: they stand as unknown, and the provider has none. */
  unknown: number;
  /** Unknown though the provider has them and said so. */
  unresolved: number;
  /** Sent, and no word of the provider has come: a report was lost with a topic. */
  unheard: number;
  /** The longest time from acceptance to the provider. */
  pauseMsMax: number;
}

/** Judges a run that has come to its end, with a provider that delivers all that it takes. */
export function judge({ accepted, states, receipts }: Evidence): Verdict {
  const received = Map.groupBy(receipts, ({ messageId }) => messageId);
  const kinds = { lost: 0, unknown: 0, unresolved: 0, unheard: 0, fine: 0 };
  let duplicated = 0;
  let pauseMsMax = 0;
  for (const { id, acceptedAtMs } of accepted) {
    const taken = received.get(id) ?? [];
    kinds[kindOf(states.get(id), taken.length > 0)] += 1;
    if (taken.length > 1) duplicated += 1;
    for (const { receivedAtMs } of taken) pauseMsMax = Math.max(pauseMsMax, receivedAtMs - acceptedAtMs);
  }
  const { fine: _, ...counted } = kinds;
  return { accepted: accepted.length, ...counted, duplicated, pauseMsMax };
}

function kindOf(
  state: MessageState | undefined,
  isReceived: boolean,
): 'lost' | 'unknown' | 'unresolved' | 'unheard' | 'fine' {
  switch (state) {
    case MessageState.DELIVERED:
      return isReceived ? 'fine' : 'lost';
    case MessageState.SENT:
      return isReceived ? 'unheard' : 'lost';
    case MessageState.UNKNOWN:
      return isReceived ? 'unresolved' : 'unknown';
    default:
      return 'lost';
  }
}
