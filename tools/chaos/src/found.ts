import type { BusName } from './hurt';

/** A seed that once found a fault, and stays. */
export interface Found {
  bus: BusName;
  seed: number;
  only: readonly string[];
  /** What it found. */
  text: string;
}

/** Every fault that a seed found: `npm run chaos -- --found` runs them, and the spec the first. */
export const FOUND: readonly Found[] = [
  {
    ...{
      bus: 'kafka',
      seed: 1,
      only: [
        'rebalance',
        'sigkill',
        'dispatch.after_write/exit',
        'dispatch.after_claim/stop',
        'broker-stopped',
        'postgres-killed',
      ],
    },
    text: '20 messages failed with their outcome unknown after a sender had stood still, though nobody had died or sent them',
  },
  {
    ...{ bus: 'kafka', seed: 1, only: ['callbacks-dropped', 'storm-5xx'] },
    text: "chaos's own: a message that missed its window met the next run's provider, and was judged by its own",
  },
  {
    ...{ bus: 'kafka', seed: 1, only: ['webhook.after_publish_before_200/exit', 'topics-emptied'] },
    text: "chaos's own: reports that waited for a dead consumer's partitions went with the next run's topics",
  },
];
