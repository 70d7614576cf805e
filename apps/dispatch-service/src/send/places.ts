import { makeConcurrency, type Concurrency } from './concurrency';
import { Fifo } from '../fifo';

/** What the provider made of a request, as far as it says how many requests it takes. */
export type Answer = 'accepted' | 'throttled' | 'other';

/** A place among the requests under way. */
export interface Place {
  /** Leaves it to the next, once. */
  leave(answer: Answer): void;
}

/** Who stands in an account's line. */
export interface Standing {
  isReply: boolean;
  /** How many messages wait with it. */
  messages: number;
}

/** Bounds how many requests to one account are under way at once. */
export interface Places {
  /** A place, where one is free and nobody stands in line. */
  tryEnter(accountId: string): Place | undefined;
  /** Waits for a place in line: agents' replies before all else, and in order of arrival. */
  enter(accountId: string, standing: Standing): Promise<Place>;
  /** Whether fewer messages stand in line for the account than it has places. */
  hasRoom(accountId: string): boolean;
  /** Calls when there is room, at once if there is. One who answers false has no use for it, and the next is called. */
  onRoom(accountId: string, call: () => boolean): void;
}

interface Waiting extends Standing {
  go(place: Place): void;
}

interface Account {
  concurrency: Concurrency;
  taken: number;
  replies: Fifo<Waiting>;
  others: Fifo<Waiting>;
  /** How many messages stand in line. */
  messages: number;
  /** Who waits for the line to be short. */
  outside: Fifo<() => boolean>;
}

/** What was learned of accounts without requests is kept for so many, and the one that was idle longest is forgotten. */
const IDLE_ACCOUNTS_MAX = 10_000;

/** Makes places for each account that is asked for, `max` at most, as many as its answers allow. */
export function makePlaces(max: number): Places {
  const accounts = new Map<string, Account>();
  const idle = new Map<string, Concurrency>();

  const accountOf = (accountId: string): Account => {
    const known = accounts.get(accountId);
    if (known) return known;
    const account: Account = {
      ...{ concurrency: idle.get(accountId) ?? makeConcurrency(max), taken: 0, messages: 0 },
      ...{ replies: new Fifo<Waiting>(), others: new Fifo<Waiting>(), outside: new Fifo<() => boolean>() },
    };
    idle.delete(accountId);
    accounts.set(accountId, account);
    return account;
  };
  const rest = (accountId: string, { concurrency }: Account) => {
    accounts.delete(accountId);
    idle.set(accountId, concurrency);
    const [longest] = idle.keys();
    if (idle.size > IDLE_ACCOUNTS_MAX && longest !== undefined) idle.delete(longest);
  };
  const take = (accountId: string, account: Account): Place => {
    account.taken += 1;
    return new TakenPlace(accountId, account, leave);
  };
  const leave = ({ accountId, account, round }: TakenPlace, answer: Answer) => {
    if (answer === 'accepted') account.concurrency.accepted();
    if (answer === 'throttled') account.concurrency.throttled(round);
    account.taken -= 1;
    letIn(accountId, account);
    callIn(account);
    if (account.taken === 0) rest(accountId, account);
  };
  const letIn = (accountId: string, account: Account) => {
    while (account.taken < account.concurrency.places()) {
      const next = account.replies.shift() ?? account.others.shift();
      if (!next) return;
      account.messages -= next.messages;
      next.go(take(accountId, account));
    }
  };

  return {
    tryEnter: (accountId) => {
      const account = accountOf(accountId);
      const isFree = account.taken < account.concurrency.places() && account.messages === 0;
      return isFree ? take(accountId, account) : undefined;
    },
    enter: (accountId, standing) =>
      new Promise((go) => {
        const account = accountOf(accountId);
        const line = standing.isReply ? account.replies : account.others;
        line.push({ ...standing, go });
        account.messages += standing.messages;
        letIn(accountId, account);
      }),
    hasRoom: (accountId) => hasRoom(accounts.get(accountId)),
    onRoom: (accountId, call) => {
      const account = accounts.get(accountId);
      if (account && !hasRoom(account)) account.outside.push(call);
      else call();
    },
  };
}

class TakenPlace implements Place {
  readonly round: number;

  constructor(
    readonly accountId: string,
    readonly account: Account,
    private readonly end: (place: TakenPlace, answer: Answer) => void,
  ) {
    this.round = account.concurrency.round();
  }

  leave(answer: Answer): void {
    this.end(this, answer);
  }
}

function hasRoom(account: Account | undefined): boolean {
  return account === undefined || account.messages < account.concurrency.places();
}

/** Calls in one for each that leaves; all when nobody is left who could call them in later. */
function callIn(account: Account): void {
  while (account.outside.length > 0 && hasRoom(account)) {
    const hasCome = account.outside.shift()?.();
    if (hasCome && account.taken > 0) return;
  }
}
