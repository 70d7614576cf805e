import { AsyncLocalStorage } from 'node:async_hooks';
import assert from 'node:assert';

/** What a running transaction knows of itself. */
interface Scope {
  /** What the work left behind when it returned is outside. */
  isOver: boolean;
  afterCommit: Set<() => void>;
  /** Wakes the relay of the database this transaction belongs to. */
  outboxWritten: () => void;
}

const scopes = new AsyncLocalStorage<Scope>();

/**
 * Whether the caller runs inside a transaction. Nothing that waits for the outside may happen there: a connection and
 * its locks wait with it.
 */
export function insideTransaction(): boolean {
  return scopes.getStore()?.isOver === false;
}

/** Runs `work` as the inside of a transaction, then what it asked for after its commit. A transaction inside a transaction is a mistake. */
export async function inScope<T>(outboxWritten: () => void, work: () => Promise<T>): Promise<T> {
  assert(!insideTransaction(), 'a transaction was begun inside a transaction: it would take a second connection');
  const scope: Scope = { isOver: false, afterCommit: new Set(), outboxWritten };
  const result = await scopes.run(scope, work).finally(() => (scope.isOver = true));
  for (const act of scope.afterCommit) act();
  return result;
}

/** Has the relay look into the outbox once the running transaction has committed. */
export function wakeRelayAfterCommit(): void {
  const scope = scopes.getStore();
  assert(scope !== undefined, 'the outbox is written inside a transaction');
  scope.afterCommit.add(scope.outboxWritten);
}
