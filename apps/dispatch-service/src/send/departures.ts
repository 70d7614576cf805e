import type { Place, Places } from './places';
import { Fifo } from '../fifo';
import { makePace } from './pace';

/** A message that was claimed. */
export interface Departing {
  accountId: string;
  segments: number;
  /** Its turn among those that were claimed with it; it never leaves before. */
  turnMs: number;
  isReply: boolean;
}

/** The messages of one sender that were claimed and have not left. */
export interface Departures {
  /** Waits until a message may leave: for its turn, its sender's pace, and a place among the account's requests. */
  turn(message: Departing): Promise<Place>;
  /** Whether so few wait, and none for a place, that more may be claimed. */
  hasRoom(): boolean;
  /** Calls once when there is room, at once if there is. */
  onRoom(call: () => void): void;
  /** How long what waits takes at the sender's pace. */
  backlogMs(): number;
  setRate(segmentsPerSecond: number): void;
}

/** With more messages waiting no others are claimed: as many as one claim takes, so that one is sent while the next is made. */
const WAITING_MAX = 400;
/** A timer for each message of a fast sender would cost more than sending it; the pace lets those go together that are due. */
const TICK_MS = 5;
/** A timer is no more exact than this. */
const TIMER_MS = 1;

interface Waiting extends Departing {
  go(place: Place): void;
}

/**
 * One message after the other: the first that is due waits for a place, and only then is it decided which one takes it,
 * so that a reply that came meanwhile goes first. The pace is asked when the message leaves: what stood in line does not
 * leave in one burst when places come free.
 */
export function makeDepartures(places: Places, monotonicMs: () => number, segmentsPerSecond: number): Departures {
  return new PacedDepartures(places, monotonicMs, segmentsPerSecond);
}

/** The departures of each sender that has any. */
export interface SenderDepartures {
  /** The departures of a sender, at its pace by now; all of its lanes share them. `end` is to be called once. */
  use(sender: string, segmentsPerSecond: number): { departures: Departures; end(): void };
}

/** Keeps the departures of a sender for as long as somebody uses them: its pace must outlive a lane that was empty for a moment. */
export function departuresOfSenders(places: Places, monotonicMs: () => number): SenderDepartures {
  const all = new Map<string, { departures: Departures; uses: number }>();
  return {
    use: (sender, segmentsPerSecond) => {
      const known = all.get(sender);
      const entry = known ?? { departures: makeDepartures(places, monotonicMs, segmentsPerSecond), uses: 0 };
      all.set(sender, entry);
      entry.departures.setRate(segmentsPerSecond);
      entry.uses += 1;
      const end = () => {
        entry.uses -= 1;
        if (entry.uses === 0) all.delete(sender);
      };
      return { departures: entry.departures, end };
    },
  };
}

class PacedDepartures implements Departures {
  readonly #places: Places;
  readonly #monotonicMs: () => number;
  readonly #pace;
  readonly #replies = new Fifo<Waiting>();
  readonly #others = new Fifo<Waiting>();
  #rate: number;
  #segments = 0;
  #timer: NodeJS.Timeout | undefined;
  #standsInLine = false;
  #isAwake = false;
  #calls: (() => void)[] = [];

  constructor(places: Places, monotonicMs: () => number, segmentsPerSecond: number) {
    this.#places = places;
    this.#monotonicMs = monotonicMs;
    this.#rate = segmentsPerSecond;
    this.#pace = makePace(segmentsPerSecond);
  }

  turn(message: Departing): Promise<Place> {
    return new Promise((go) => {
      (message.isReply ? this.#replies : this.#others).push({ ...message, go });
      this.#segments += message.segments;
      this.#goOnSoon();
    });
  }

  hasRoom(): boolean {
    return !this.#standsInLine && this.#waiting() <= WAITING_MAX;
  }

  onRoom(call: () => void): void {
    if (this.hasRoom()) call();
    else this.#calls.push(call);
  }

  backlogMs(): number {
    const busyMs = Math.max(0, this.#pace.busyUntilMs() - this.#monotonicMs());
    return busyMs + (this.#segments / this.#rate) * 1000;
  }

  setRate(segmentsPerSecond: number): void {
    this.#rate = segmentsPerSecond;
    this.#pace.setRate(segmentsPerSecond);
  }

  #waiting(): number {
    return this.#replies.length + this.#others.length;
  }

  /** Once all messages of a claim are here: what stands in line for a place is to know how many stand behind it. */
  #goOnSoon(): void {
    if (this.#isAwake) return;
    this.#isAwake = true;
    queueMicrotask(() => {
      this.#isAwake = false;
      this.#goOn();
    });
  }

  /** Lets go what is due, as far as there are places, and comes back when the next is. */
  #goOn(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let next = this.#next(); next && !this.#standsInLine; next = this.#next()) {
      const waitMs = Math.max(next.turnMs, this.#pace.earliestMs()) - this.#monotonicMs();
      if (waitMs >= TIMER_MS) {
        this.#timer = setTimeout(() => this.#goOn(), Math.max(waitMs, TICK_MS));
        return;
      }
      const place = this.#places.tryEnter(next.accountId);
      if (place) this.#depart(place);
      else this.#standInLine(next);
    }
    if (!this.hasRoom()) return;
    for (const call of this.#calls.splice(0)) call();
  }

  #standInLine({ accountId, isReply }: Waiting): void {
    this.#standsInLine = true;
    void this.#places.enter(accountId, { isReply, messages: this.#waiting() }).then((place) => {
      this.#standsInLine = false;
      this.#depart(place);
      this.#goOn();
    });
  }

  #depart(place: Place): void {
    const next = this.#next();
    if (!next) return place.leave('other');
    (next === this.#replies.first() ? this.#replies : this.#others).shift();
    this.#segments -= next.segments;
    this.#pace.leave(next.segments, this.#monotonicMs());
    next.go(place);
  }

  /** The reply whose turn has come, or else whose turn comes first. */
  #next(): Waiting | undefined {
    const [reply, other] = [this.#replies.first(), this.#others.first()];
    if (!reply || !other) return reply ?? other;
    return reply.turnMs <= Math.max(other.turnMs, this.#monotonicMs()) ? reply : other;
  }
}
