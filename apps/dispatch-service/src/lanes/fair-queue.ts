import { DeficitRing } from './deficit-ring';

/** Who takes turns: a lane of an organisation. Keys name lanes. */
export interface Asking {
  readonly org: string;
  readonly key: string;
}

/** Decides whose turn it is. Nothing is known of an organisation that neither waits nor has a turn. */
export interface FairQueue<Lane extends Asking> {
  /** Puts a lane in line for one turn. One that waits already keeps its place. */
  ask(lane: Lane): void;
  /** The lane whose turn it is; it has it until `settle`. Undefined when none waits. */
  next(): Lane | undefined;
  /** Ends a turn, and charges what it cost: only now is that known. */
  settle(lane: Lane, cost: number): void;
}

/** How a queue shares. */
export interface FairQueueSettings {
  /** What an organisation of weight 1 may spend in a round: about the most that one turn costs. */
  quantum: number;
  /** The share of an organisation against others; 1 for each unless it is said. */
  weightOf?(org: string): number;
}

/**
 * Deficit round robin over organisations, and within an organisation over its lanes, charged after the turn: a deficit
 * may go below zero, and its owner then waits rounds until it is paid. Who was idle comes before those who were not, for
 * one quantum, as new flows do in FQ-CoDel (RFC 8290 §4.1): in plain round robin a single message would wait for a turn
 * of everybody who is busy. Who goes idle keeps a debt for as long as others wait, and never a credit.
 */
export function fairQueue<Lane extends Asking>({ quantum, weightOf = () => 1 }: FairQueueSettings): FairQueue<Lane> {
  const orgs = new DeficitRing<DeficitRing<Lane>>(quantum);
  return {
    ask: (lane) => {
      if (orgs.find(lane.org)?.isAsking(lane.key)) return;
      const lanes = orgs.ask(lane.org, weightOf(lane.org), () => new DeficitRing<Lane>(quantum));
      lanes.ask(lane.key, 1, () => lane);
    },
    next: () => orgs.next()?.next(),
    settle: ({ org, key }, cost) => {
      orgs.find(org)?.settle(key, cost);
      orgs.settle(org, cost);
    },
  };
}
