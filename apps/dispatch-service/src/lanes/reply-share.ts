/** What of a busy sender is left to all but agents' replies. */
const OTHERS_SHARE = 0.2;
/** What others had more than their share is held against them up to so many segments: a burst of theirs costs replies nothing. */
const AHEAD_SEGMENTS_MAX = 20;

/** Shares a sender between agents' replies and all else. */
export interface ReplyShare {
  /** How many segments the others must have now for their share: with 1 or more the next claim is theirs. */
  owed(): number;
  /** A claim took so many segments of each, while both waited. */
  claimed(segments: { replies: number; others: number }): void;
  /** Only one of them waits: nobody is owed anything. */
  settle(): void;
}

/** Replies come first, up to 80 % of a sender for which both wait. */
export function makeReplyShare(): ReplyShare {
  let owed = 0;
  return {
    owed: () => Math.max(0, Math.floor(owed / (1 - OTHERS_SHARE))),
    claimed: ({ replies, others }) => {
      owed = Math.max(-AHEAD_SEGMENTS_MAX, owed + OTHERS_SHARE * replies - (1 - OTHERS_SHARE) * others);
    },
    settle: () => {
      owed = 0;
    },
  };
}
