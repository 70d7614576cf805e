import { chanceFrom } from '@herald/failpoints';

/** Chance that one integer decides: the same seed gives the same numbers for ever. */
export interface Chance {
  /** A number of [0, 1). */
  next(): number;
  /** A whole number between the two, both included. */
  between(min: number, max: number): number;
  happens(probability: number): boolean;
  pick<Item>(items: readonly [Item, ...Item[]]): Item;
}

export function seededChance(seed: number): Chance {
  const next = chanceFrom(seed);
  const between = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    between,
    happens: (probability) => next() < probability,
    pick: (items) => items[between(0, items.length - 1)] ?? items[0],
  };
}

interface Act {
  atMs: number;
  order: number;
  act(): void;
}

/** Virtual time: it stands still while something happens, and jumps to what happens next. */
export class Clockwork {
  nowMs = 0;
  #order = 0;
  readonly #heap: Act[] = [];

  /** Does something after a time; what is due at one moment happens in the order in which it was asked for. */
  after(ms: number, act: () => void): void {
    this.#order += 1;
    this.#heap.push({ atMs: this.nowMs + Math.max(0, ms), order: this.#order, act });
    let index = this.#heap.length - 1;
    while (index > 0 && this.#isBefore(index, (index - 1) >> 1)) {
      this.#swap(index, (index - 1) >> 1);
      index = (index - 1) >> 1;
    }
  }

  /** Runs until a moment, or until nothing is left to happen. */
  runUntil(endMs: number): void {
    for (let first = this.#heap[0]; first && first.atMs <= endMs; first = this.#heap[0]) {
      this.#removeFirst();
      this.nowMs = first.atMs;
      first.act();
    }
    this.nowMs = endMs;
  }

  #removeFirst(): void {
    this.#swap(0, this.#heap.length - 1);
    this.#heap.pop();
    let index = 0;
    for (;;) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let least = index;
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left;
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (!one || !other) return false;
    return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (!one || !other) return;
    this.#heap[a] = other;
    this.#heap[b] = one;
  }
}
