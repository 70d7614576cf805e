import { Fifo } from '../fifo';

interface Entry<Member> {
  key: string;
  member: Member;
  weight: number;
  /** What it may still spend in this visit; below zero what it owes. */
  credit: number;
  /** Turns it waits for. */
  asked: number;
  /** Turns it has. */
  turns: number;
}

/**
 * One round of members that take turns: deficit round robin, charged after the turn. Who comes new is visited before the
 * others, until its first credit is spent; from then on it waits with them. A step takes constant time as long as a turn
 * costs about a quantum, and a member that neither waits nor has a turn is forgotten when a visit finds it so, or at once
 * when nobody waits.
 */
export class DeficitRing<Member> {
  readonly #quantum: number;
  readonly #entries = new Map<string, Entry<Member>>();
  readonly #fresh = new Fifo<Entry<Member>>();
  readonly #known = new Fifo<Entry<Member>>();
  #asked = 0;

  constructor(quantum: number) {
    this.#quantum = quantum;
  }

  /** Turns that are waited for. */
  get asked(): number {
    return this.#asked;
  }

  find(key: string): Member | undefined {
    return this.#entries.get(key)?.member;
  }

  /** Whether a member waits for a turn. */
  isAsking(key: string): boolean {
    return (this.#entries.get(key)?.asked ?? 0) > 0;
  }

  /** One turn more is waited for by a member; it is `make` that makes it when it is not known. */
  ask(key: string, weight: number, make: () => Member): Member {
    const entry = this.#entries.get(key) ?? this.#enter(key, weight, make());
    entry.asked += 1;
    this.#asked += 1;
    return entry.member;
  }

  /** Gives the next turn to whose it is. */
  next(): Member | undefined {
    while (this.#asked > 0) {
      const list = this.#fresh.length > 0 ? this.#fresh : this.#known;
      const entry = list.first();
      if (!entry) return undefined;
      if (entry.credit > 0 && entry.asked > 0) return this.#grant(entry);
      list.shift();
      const isIdle = entry.asked === 0 && entry.turns === 0 && entry.credit > 0;
      // One that went idle waits a round with the others before it may come as a new one again: else a member that asks
      // for one turn after the other would always be before all others.
      if (isIdle && list === this.#known) this.#entries.delete(entry.key);
      else this.#known.push(entry);
      if (entry.credit <= 0) entry.credit += this.#quantum * entry.weight;
    }
    return undefined;
  }

  /** Ends a turn of a member and charges it. */
  settle(key: string, cost: number): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    entry.turns -= 1;
    entry.credit -= cost;
    if (this.#asked === 0) this.#forgetIdle();
  }

  #enter(key: string, weight: number, member: Member): Entry<Member> {
    const entry = { key, member, weight, credit: this.#quantum * weight, asked: 0, turns: 0 };
    this.#entries.set(key, entry);
    this.#fresh.push(entry);
    return entry;
  }

  #grant(entry: Entry<Member>): Member {
    entry.asked -= 1;
    entry.turns += 1;
    this.#asked -= 1;
    if (this.#asked === 0) this.#forgetIdle();
    return entry.member;
  }

  #forgetIdle(): void {
    this.#fresh.clear();
    this.#known.clear();
    for (const [key, entry] of this.#entries) {
      if (entry.turns === 0) this.#entries.delete(key);
      else this.#known.push(entry);
    }
  }
}
