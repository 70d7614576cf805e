import { randomUUID } from 'node:crypto';
import type { AuditEntry, ListAuditEntriesRequest } from '@herald/contracts/audit';
import { testDatabase, type TestDatabase } from '@herald/testing';
import { appendAudit, type Act, type AuditedChange } from '../src/audit/append-audit';
import { auditTables } from '../src/audit/audit-schema';
import { checkAuditLog } from '../src/audit/check-audit-log';
import { listAuditEntries } from '../src/audit/list-audit-entries';
import { sampleMigrations } from './sample';

/** RPCs that entries of specs tell of. */
export const RPC = 'herald.sample.v1.SampleService/ChangeParcel';
export const OTHER_RPC = 'herald.sample.v1.SampleService/LoseParcel';

/** A sample schema with an audit log, written and read as a service does. */
export interface TestAuditLog {
  test: TestDatabase;
  append(org: string, change?: Partial<AuditedChange>, rpc?: string): Promise<void>;
  list(org: string, request?: Partial<ListAuditEntriesRequest>): ReturnType<typeof listAuditEntries>;
  check(org: string, expectedHead?: { seq: string; hash: string }): ReturnType<typeof checkAuditLog>;
  /** A new organisation with so many entries. */
  orgWith(entries: number): Promise<string>;
}

/** Makes an audit log of a spec's own; its database is to be closed. */
export async function testAuditLog(): Promise<TestAuditLog> {
  const migrations = [...sampleMigrations, { name: '0002-audit', up: auditTables }];
  const test = await testDatabase({ service: 'sample', migrations });
  const { database } = test;
  const signal = new AbortController().signal;
  const append: TestAuditLog['append'] = (org, change = {}, rpc = RPC) =>
    database.transaction(org, (tx) => appendAudit(tx, actOf(org, rpc), changeOf(change)));
  return {
    test,
    append,
    list: (org, request = {}) => {
      const all = { pageSize: 0, pageToken: '', rpc: '', subjectId: '', startTime: undefined, endTime: undefined };
      return listAuditEntries(database, org, { ...all, ...request });
    },
    check: (org, expectedHead) => checkAuditLog(database, org, { request: { expectedHead }, signal }),
    orgWith: async (entries) => {
      const org = randomUUID();
      for (let made = 0; made < entries; made += 1) await append(org, { after: { made } });
      return org;
    },
  };
}

/** A call of a user. */
export function actOf(org: string, method = RPC): Act {
  return { org, method, caller: { kind: 'user', org, subject: 'ana', scopes: new Set() } };
}

/** A change of a parcel. */
export function changeOf(change: Partial<AuditedChange> = {}): AuditedChange {
  return { subject: { kind: 'parcel', id: 'one' }, after: { label: 'a' }, ...change };
}

/** The places of entries, as numbers. */
export function seqs(entries: readonly AuditEntry[]): number[] {
  return entries.map(({ seq }) => Number(seq));
}
