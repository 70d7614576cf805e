export { openDatabase } from './database';
export type { Database } from './database';
export { bareArray, execute, giveTime, maybe, preparedStatements, single, sql } from './sql';
export type { Tx } from './sql';
export { insideTransaction } from './transaction-scope';
export { provision } from './provision';
export { migrate } from './migrate';
export type { Migration } from './migrate';
export {
  idempotencyTable,
  orgFunction,
  outboxTable,
  partitionFunction,
  storedPartitionFunction,
  partitionUpkeep,
  tenantTable,
  workTable,
} from './schema';
export { ensureMonths, firstIdAt, monthsOf } from './month-partitions';
export type { MonthPartition } from './month-partitions';
export { appendOutbox } from './outbox';
export type { OutboxEvent } from './outbox';
export { outboxRelay } from './outbox-relay';
export {
  answerOnce,
  claimRequestId,
  findAnswer,
  repeatable,
  requestHash,
  requestIdTaken,
  theWinnersAnswer,
} from './idempotency';
export type { IdempotencyKey, Repeatable } from './idempotency';
export { appendAudit } from './audit/append-audit';
export type { Act, AuditedChange } from './audit/append-audit';
export { auditTables } from './audit/audit-schema';
export { auditService } from './audit/audit-service';
export { violatedConstraint } from './database-error';
export { cutPage, readPage } from './page';
export type { Page } from './page';
export { startLocalServer } from './local-server';
