/** Bounds how many requests to one account are under way at once. */
export interface Places {
  /** Waits for a place, in order of arrival, and returns how to leave it. */
  enter(accountId: string): Promise<() => void>;
  /** Whether fewer wait for a place of the account than it has places. */
  hasRoom(accountId: string): boolean;
  /** Resolves when there is room, by then perhaps for another who was called in. */
  room(accountId: string): Promise<void>;
}

interface Account {
  taken: number;
  /** Who waits for a place. */
  line: (() => void)[];
  /** Who waits for the line to be short. */
  outside: (() => void)[];
}

/** Makes `perAccount` places for each account that is asked for; an account without requests takes no memory. */
export function makePlaces(perAccount: number): Places {
  const accounts = new Map<string, Account>();
  const hasRoom = (account: Account | undefined) => account === undefined || account.line.length < perAccount;
  const leave = (accountId: string) => {
    const account = accounts.get(accountId);
    if (!account) return;
    const next = account.line.shift();
    if (next) next();
    else account.taken -= 1;
    if (hasRoom(account)) account.outside.shift()?.();
    if (account.taken > 0) return;
    // Nobody is left who could call in the others: those that were called in so far had nothing to send after all.
    for (const go of account.outside) go();
    accounts.delete(accountId);
  };
  return {
    enter: async (accountId) => {
      const account = accounts.get(accountId) ?? { taken: 0, line: [], outside: [] };
      accounts.set(accountId, account);
      if (account.taken < perAccount) account.taken += 1;
      else await new Promise<void>((go) => account.line.push(go));
      return () => leave(accountId);
    },
    hasRoom: (accountId) => hasRoom(accounts.get(accountId)),
    room: async (accountId) => {
      const account = accounts.get(accountId);
      if (account && !hasRoom(account)) await new Promise<void>((go) => account.outside.push(go));
    },
  };
}
