import { AsyncLocalStorage } from 'node:async_hooks';
import { HeraldError } from '@herald/errors';
import type { DeadLetterStore, DeliveredRecord, Subscription } from './bus';

/** No try begins later than this after a batch's first one, but for a record's one try alone. */
export const TRIES_WITHIN_MS = 30_000;
/** The waits between five tries; together 21 s, so that a database that restarts within them costs nothing. */
export const RETRY_DELAYS_MS: readonly number[] = [250, 1_000, 5_000, 15_000];
/** A batch is tried this often as a whole: a passing fault needs no more, and poison must not hold up its neighbours. */
const WHOLE_TRIES_MAX = 2;

/** What went wrong with some records of a group, and what follows; it is reported, not thrown. */
export interface DeliveryFault {
  topic: string;
  group: string;
  partition: number;
  recordIds: readonly string[];
  tries: number;
  /**
   * `refused`: the bus stops and the publisher is told to repeat. `letter-not-kept`: the dead-letter store failed.
   * `passed-over`: the subscription keeps no dead letters.
   */
  next: 'tried-again' | 'dead-lettered' | 'passed-over' | 'letter-not-kept' | 'refused';
  error: unknown;
}

/** What delivering needs of its bus. */
export interface DeliveryPorts {
  deadLetters: DeadLetterStore;
  clock: { monotonicMs(): number };
  retryDelaysMs: readonly number[];
  onFault: (fault: DeliveryFault) => void;
  /** Aborted when the bus begins to stop: no wait goes on, and what fails from now on is refused. */
  stopping: AbortSignal;
  /** Aborted when the drain limit has passed: the signal handlers are given. */
  overdue: AbortSignal;
}

/** The handler that runs now; what it leaves behind when it returns may publish again. */
const handlerRun = new AsyncLocalStorage<{ isOver: boolean }>();

/** Whether the caller runs inside a handler that has not returned. */
export function insideHandler(): boolean {
  return handlerRun.getStore()?.isOver === false;
}

/**
 * Brings one batch of one partition to one group. The batch is tried as a whole twice; then each record alone and in
 * order, until it is handled or its tries or the time are used up and it is a dead letter. A letter that cannot be
 * kept is no end: the record is tried again, and then the letter, until one of them works. `handled` is called once per
 * record, in order. Throws BUS_UNAVAILABLE when the bus stops before all are handled.
 */
export class Delivery {
  readonly #triesMax: number;

  constructor(
    private readonly subscription: Subscription,
    private readonly ports: DeliveryPorts,
  ) {
    this.#triesMax = ports.retryDelaysMs.length + 1;
  }

  async deliver(records: readonly DeliveredRecord[], handled: () => void): Promise<void> {
    const until = this.ports.clock.monotonicMs() + TRIES_WITHIN_MS;
    const wholeTries = records.length === 1 ? 0 : Math.min(WHOLE_TRIES_MAX, this.#triesMax - 1);
    for (let tries = 1; tries <= wholeTries; tries += 1) {
      const failure = await this.#attempt(records);
      if (failure === undefined) return records.forEach(() => handled());
      await this.#waitAfter(records, tries, failure.error);
    }
    for (const record of records) {
      await this.#deliverAlone(record, wholeTries, until);
      handled();
    }
  }

  async #deliverAlone(record: DeliveredRecord, triesBefore: number, until: number): Promise<void> {
    for (let tries = triesBefore + 1; ; tries += 1) {
      const failure = await this.#attempt([record]);
      if (failure === undefined) return;
      const isLast = tries >= this.#triesMax || this.ports.clock.monotonicMs() + this.#delayAfter(tries) > until;
      if (isLast && !this.ports.stopping.aborted && (await this.#isBuried(record, tries, failure.error))) return;
      await this.#waitAfter([record], tries, failure.error);
    }
  }

  async #attempt(records: readonly DeliveredRecord[]): Promise<{ error: unknown } | undefined> {
    const run = { isOver: false };
    const signal = this.ports.overdue;
    try {
      signal.throwIfAborted();
      await handlerRun.run(run, async () => this.subscription.handler(records, { signal }));
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      run.isOver = true;
    }
  }

  async #isBuried(record: DeliveredRecord, tries: number, error: unknown): Promise<boolean> {
    const { group, sharing } = this.subscription;
    if (sharing === 'each-replica') {
      this.#report([record], tries, { next: 'passed-over', error });
      return true;
    }
    try {
      await this.ports.deadLetters.add({ record, group, reason: reasonOf(error), tries });
      this.#report([record], tries, { next: 'dead-lettered', error });
      return true;
    } catch (storeError) {
      this.#report([record], tries, { next: 'letter-not-kept', error: storeError });
      return false;
    }
  }

  async #waitAfter(records: readonly DeliveredRecord[], tries: number, error: unknown): Promise<void> {
    const { stopping } = this.ports;
    this.#report(records, tries, { next: stopping.aborted ? 'refused' : 'tried-again', error });
    await pause(this.#delayAfter(tries), stopping);
    if (stopping.aborted) throw unavailable('The event bus stopped before the record was handled.', error);
  }

  #delayAfter(tries: number): number {
    const { retryDelaysMs } = this.ports;
    return retryDelaysMs[tries - 1] ?? retryDelaysMs.at(-1) ?? 0;
  }

  #report(records: readonly DeliveredRecord[], tries: number, fault: Pick<DeliveryFault, 'next' | 'error'>): void {
    const { topic, group } = this.subscription;
    const partition = records[0]?.partition ?? 0;
    this.ports.onFault({ topic, group, partition, recordIds: records.map(({ id }) => id), tries, ...fault });
  }
}

/** The error of a bus that does not take records, or took one and cannot answer for it. */
export function unavailable(message: string, cause?: unknown): HeraldError {
  return new HeraldError('BUS_UNAVAILABLE', message, { cause });
}

function reasonOf(error: unknown): string {
  if (error instanceof HeraldError) return `${error.reason}: ${error.message}`;
  return error instanceof Error ? error.name : typeof error;
}

/** Waits, but not beyond the signal. */
function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
