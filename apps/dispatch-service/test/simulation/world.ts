import { stateOf } from '../../src/evidence/merge';
import { Clockwork, seededChance, type Chance } from './clockwork';
import { turnWatch, type TurnWatch } from './turn-watch';
import { Provider, type Mood } from './provider';
import { Replica } from './replica';
import { Rows } from './rows';

/** Faults happen for so long; then all is given the time to end. */
const FAULTS_MS = 40_000;
const END_MS = 150_000;
const STEP_MS = 5_000;
const SHARDS = 2;
const VALID_FOR_MS = 100_000;

/** What one run came to. */
export interface Outcome {
  messages: number;
  receipts: Provider['receipts'];
  states: Map<string, number>;
  /** Segments per second of each sender. */
  rates: ReadonlyMap<string, number>;
  /** Messages that are neither ended nor unknown, and slices that nobody ended. */
  open: string[];
  /** Messages of which the provider said that they arrived, and the ledger says something else. */
  contradicted: string[];
  /** Turns that came later than their fair share allows. */
  late: string[];
  /**
   * How many messages may be unknown at most: those whose answer never came, and those that stood in open slices when their
   * owner died or stood still for as long as if it had.
   */
  unknownMax: number;
}

interface SenderSetting {
  org: string;
  channelId: string;
  account: string;
  rate: number;
}

/** Organisations, replicas, a database and a provider, all of whose fortunes one integer decides. */
export class World {
  readonly clock = new Clockwork();
  readonly chance: Chance;
  readonly rows: Rows;
  readonly provider: Provider;
  readonly turns: TurnWatch;
  readonly faults = { isOn: () => this.clock.nowMs < FAULTS_MS };
  readonly #senders = new Map<string, SenderSetting>();
  readonly #replicas: Replica[] = [];
  #assigned: string[] = [];
  #messages = 0;
  #unknownMax = 0;

  constructor(seed: number) {
    this.chance = seededChance(seed);
    this.rows = new Rows(() => this.clock.nowMs);
    this.provider = new Provider(this.clock, this.chance, this.rows);
    this.turns = turnWatch();
    this.#assigned = Array.from({ length: SHARDS }, () => 'one');
    this.#replicas = ['one', 'two'].map((name) => new Replica(this, name));
    const orgs = this.chance.between(1, 4);
    for (let org = 0; org < orgs; org += 1) this.#addOrganisation(`org-${org}`);
    this.#addFaults();
  }

  shardsOf(name: string): number[] {
    return this.#assigned.flatMap((replica, shard) => (replica === name ? [shard] : []));
  }

  accountOf(org: string, channelId: string): string {
    return this.#senders.get(`${org}/${channelId}`)?.account ?? '';
  }

  rateOf(org: string, channelId: string): number {
    return this.#senders.get(`${org}/${channelId}`)?.rate ?? 1;
  }

  mayBecomeUnknown(messages: number): void {
    this.#unknownMax += messages;
  }

  run(): Outcome {
    let open = ['everything'];
    for (let endMs = FAULTS_MS; open.length > 0 && endMs <= END_MS; endMs += STEP_MS) {
      this.clock.runUntil(endMs);
      open = this.#open();
    }
    const states = new Map<string, number>();
    const contradicted: string[] = [];
    for (const message of this.rows.messages.values()) {
      const state = stateOf(message);
      if (state !== 'DELIVERED' && this.provider.delivered.has(message.id))
        contradicted.push(`${message.id} is ${state}`);
      states.set(state, (states.get(state) ?? 0) + 1);
    }
    return {
      ...{
        messages: this.#messages,
        receipts: this.provider.receipts,
        states,
        open,
        late: this.turns.late,
        contradicted,
      },
      rates: new Map([...this.#senders].map(([key, { rate }]) => [key, rate])),
      unknownMax: this.#unknownMax + this.provider.lostAnswers,
    };
  }

  /** What has neither ended nor is unknown. */
  #open(): string[] {
    const open = [...this.rows.messages.values()].filter(({ rank, isExpired }) => rank === null && !isExpired);
    const slices = [...this.rows.slices.keys()].map((key) => `slice ${key}`);
    return [...open.map(({ id, batchId, position }) => `${id}, at ${position} of ${batchId}`), ...slices];
  }

  #addOrganisation(org: string): void {
    const shard = this.chance.between(0, SHARDS - 1);
    const account = `${org}-account`;
    const senders = this.chance.pick([1, 1, 2, 6]);
    for (let index = 0; index < senders; index += 1) {
      const sender = { org, channelId: `c${index}`, account, rate: this.chance.pick([5, 50, 2_000]) };
      this.#senders.set(`${org}/${sender.channelId}`, sender);
      const batches = this.chance.pick([1, 2, 8]);
      for (let batch = 0; batch < batches; batch += 1) this.#acceptLater(sender, shard);
    }
  }

  #acceptLater({ org, channelId, account }: SenderSetting, shard: number): void {
    const priority = this.chance.happens(0.2) ? 1 : 0;
    const size = priority > 0 ? 1 : this.chance.between(1, 25);
    const segments = Array.from({ length: size }, () => this.chance.pick([1, 1, 1, 2, 3]));
    this.clock.after(this.chance.between(0, this.chance.pick([500, 10_000])), () => {
      const nowMs = this.clock.nowMs;
      const readyAtMs = nowMs + (this.chance.happens(0.2) ? this.chance.between(0, 5_000) : 0);
      const messages = segments.map((each, index) => ({
        id: `message-${this.#messages + index}`,
        segments: each,
      }));
      this.#messages += size;
      const batch = this.rows.accept(
        { org, channelId, channelAccountId: account, priority, shard, readyAtMs, expiresAtMs: nowMs + VALID_FOR_MS },
        messages,
      );
      if (this.chance.happens(0.2)) return;
      for (const replica of this.#replicas) if (this.shardsOf(replica.name).includes(shard)) replica.announce(batch);
    });
  }

  #addFaults(): void {
    const accounts = [...new Set([...this.#senders.values()].map(({ account }) => account))];
    const faults = this.chance.between(0, 6);
    for (let fault = 0; fault < faults; fault += 1) {
      const atMs = this.chance.between(0, 15_000);
      const replica = this.chance.pick(this.#replicas as [Replica, ...Replica[]]);
      const account = this.chance.pick(accounts as [string, ...string[]]);
      const happen = this.chance.pick([
        () => this.#kill(replica),
        () => replica.standStill(this.chance.pick([500, 1_000, 2_000, 7_000, 25_000])),
        () => this.#rebalance(),
        () => this.#setMood(account),
        () => this.#setMood(account),
      ]);
      this.clock.after(atMs, happen);
    }
  }

  #kill(replica: Replica): void {
    this.turns.forget(replica.name);
    replica.die(this.chance.between(1_000, 10_000));
    this.#rebalance();
  }

  #rebalance(): void {
    this.#assigned = this.#assigned.map(() => this.chance.pick(['one', 'two']));
  }

  #setMood(account: string): void {
    this.provider.set(account, this.chance.pick<Mood>(['unreachable', 'silent', 'unauthorised', 'throttling']));
    this.clock.after(this.chance.between(1_000, 20_000), () => this.provider.set(account, 'well'));
  }
}
