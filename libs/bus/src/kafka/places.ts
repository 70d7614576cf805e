import type { Consumer } from 'kafkajs';

/** Where a consumer stands in a topic. */
export interface Places {
  /** Before the consumer runs for the first time: from here on it hears everything, and nothing older. */
  begin(): Promise<void>;
  /** The record at this offset of the partition is done with. */
  done(partition: number, offset: string): void;
}

/**
 * The places of the only member of a group, kept by itself and taken up again whenever it joins. kafkajs would begin at
 * the end that it finds at its first fetch, a moment after it told that it joined, and again at a new end after every
 * rejoin that finds no offset committed: what was published in between would never be heard.
 */
export function ownPlaces(
  consumer: Pick<Consumer, 'on' | 'events' | 'seek'>,
  topic: string,
  endsOf: (topic: string) => Promise<readonly { partition: number; offset: string }[]>,
): Places {
  const next = new Map<number, string>();
  consumer.on(consumer.events.GROUP_JOIN, () => {
    for (const [partition, offset] of next) consumer.seek({ topic, partition, offset });
  });
  return {
    begin: async () => {
      if (next.size > 0) return;
      for (const { partition, offset } of await endsOf(topic)) next.set(partition, offset);
    },
    done: (partition, offset) => next.set(partition, String(BigInt(offset) + 1n)),
  };
}
