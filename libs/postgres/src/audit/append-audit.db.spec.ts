import { randomUUID } from 'node:crypto';
import { eventually, rowLevelSecurityFaults } from '@herald/testing';
import { actOf, changeOf, RPC, seqs, testAuditLog, type TestAuditLog } from '../../test/audit-log';
import { execute, sql } from '../sql';
import { appendAudit, AUDIT_JSON_BYTES_MAX } from './append-audit';
import { entryHash, NO_HASH } from './entries';

let log: TestAuditLog;

describe('the audit log', () => {
  beforeAll(async () => {
    log = await testAuditLog();
  });
  afterAll(() => log.test.close());

  it('S16: tells who did what to what and when, before and after', async () => {
    const org = randomUUID();
    const startedAt = Date.now();
    const requestId = randomUUID();
    await log.append(org, { requestId, before: { label: 'a' }, after: { label: 'ä' } });
    const { entries } = await log.list(org);
    const time = entries[0]?.time?.getTime() ?? 0;
    expect(time).toBeGreaterThanOrEqual(startedAt - 1);
    expect(time).toBeLessThanOrEqual(Date.now() + 1);
    expect(entries).toEqual([
      {
        ...{ seq: '1', time: entries[0]?.time, orgId: org, callerKind: 'CALLER_KIND_USER', caller: 'ana', rpc: RPC },
        ...{ subjectKind: 'parcel', subjectId: 'one', requestId, traceId: '' },
        ...{ beforeJson: '{"label":"a"}', afterJson: '{"label":"ä"}' },
        ...{ prevHash: NO_HASH, hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
      },
    ]);
  });

  it('S16: a service is told from a user who calls themselves like one', async () => {
    const org = randomUUID();
    const caller = { kind: 'service', service: 'dispatch', org } as const;
    await log.test.database.transaction(org, (tx) => appendAudit(tx, { ...actOf(org), caller }, changeOf()));
    const { entries } = await log.list(org);
    expect(entries[0]).toMatchObject({ callerKind: 'CALLER_KIND_SERVICE', caller: 'service:dispatch' });
  });

  it('S16: the entry is there exactly when its change is, and a rollback leaves no gap', async () => {
    const org = await log.orgWith(1);
    const rolledBack = log.test.database.transaction(org, async (tx) => {
      await appendAudit(tx, actOf(org), changeOf());
      throw new Error('refused after all');
    });
    await expect(rolledBack).rejects.toThrow('refused after all');
    await log.append(org);
    expect(seqs((await log.list(org)).entries)).toEqual([2, 1]);
    expect(await log.check(org)).toMatchObject({ entries: 2, intact: true });
  });

  it('S16: many appends of one organisation at once make one chain without gaps, from the first entry on', async () => {
    const [org, other] = [randomUUID(), randomUUID()];
    // More at once than there are connections: who waits too long for one tries again, as a caller would.
    const appendInTime = (to: string) => eventually(() => log.append(to));
    await Promise.all(Array.from({ length: 300 }, (_, index) => appendInTime(index % 3 === 0 ? other : org)));
    const found = await log.check(org);
    expect(found).toMatchObject({ entries: 200, intact: true, fault: undefined, head: { seq: '200' } });
    const { entries } = await log.list(org, { pageSize: 200 });
    expect(seqs(entries)).toEqual(Array.from({ length: 200 }, (_, index) => 200 - index));
    expect(entries[0]?.hash).toBe(found.head?.hash);
    const times = entries.map(({ time }) => time?.getTime() ?? 0);
    expect([...times].sort((a, b) => b - a)).toEqual(times);
    expect(await log.check(other)).toMatchObject({ entries: 100, intact: true });
  });

  it('S16: anybody can compute a hash again from what the API answers', async () => {
    const org = await log.orgWith(1);
    await log.append(org, { requestId: randomUUID(), before: { text: 'été ✓' } });
    for (const entry of (await log.list(org)).entries) {
      const stored = {
        ...{ ...entry, org: entry.orgId, atMs: String(entry.time?.getTime()), traceId: null },
        callerKind: 'USER' as const,
        requestId: entry.requestId || null,
        before: entry.beforeJson || null,
        after: entry.afterJson || null,
      };
      expect(entryHash(stored)).toBe(entry.hash);
    }
  });

  it('keeps of what is too large its size and hash', async () => {
    const org = randomUUID();
    await log.append(org, { before: { text: 'x'.repeat(AUDIT_JSON_BYTES_MAX) } });
    const [entry] = (await log.list(org)).entries;
    expect(JSON.parse(entry?.beforeJson ?? '')).toEqual({
      tooLarge: { bytes: AUDIT_JSON_BYTES_MAX + 11, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
    });
  });
});

describe('the walls of the audit log', () => {
  beforeAll(async () => {
    log = await testAuditLog();
  });
  afterAll(() => log.test.close());

  it('S16 S2: row-level security is forced on it', async () => {
    expect(await rowLevelSecurityFaults(log.test, 'sample', { workTables: ['outbox'] })).toEqual([]);
  });

  it.each(['audit_entry', 'audit_head'])('S16: neither _app nor _worker can change anything in %s', async (table) => {
    const org = await log.orgWith(1);
    for (const text of [
      `insert into ${table} select * from ${table}`,
      `update ${table} set hash = hash`,
      `delete from ${table}`,
      `truncate ${table}`,
      `alter table ${table} no force row level security`,
      `select 1 from ${table} for update`,
    ]) {
      const refused = /permission denied|must be owner/;
      await expect(log.test.database.transaction(org, (tx) => execute(tx, text))).rejects.toThrow(refused);
      await expect(log.test.database.worker((tx) => execute(tx, text))).rejects.toThrow(refused);
    }
  });

  it('S16: _worker can neither read it nor add to it', async () => {
    await expect(log.test.database.worker((tx) => sql(tx, 'select 1 from audit_entry'))).rejects.toThrow(/permission/);
    const added = log.test.database.worker((tx) => appendAudit(tx, actOf(randomUUID()), changeOf()));
    await expect(added).rejects.toThrow(/permission denied for function append_audit/);
  });

  it('S16: an entry is the organisation’s of the transaction, and without one there is none', async () => {
    const org = randomUUID();
    const without = log.test.database.withoutOrg((tx) => appendAudit(tx, actOf(org), changeOf()));
    await expect(without).rejects.toThrow(/no organisation is set/);
    await log.append(org);
    expect((await log.list(randomUUID())).entries).toEqual([]);
    expect((await log.list(org)).entries).toHaveLength(1);
  });

  it('S16: a temporary table of the same name takes no entry in', async () => {
    const org = randomUUID();
    await log.test.database.transaction(org, async (tx) => {
      await execute(tx, 'create temporary table audit_entry (like sample.audit_entry) on commit drop');
      await execute(tx, 'create temporary table audit_head (like sample.audit_head) on commit drop');
      await appendAudit(tx, actOf(org), changeOf());
      expect(await sql(tx, 'select 1 from pg_temp.audit_entry')).toEqual([]);
    });
    expect((await log.list(org)).entries).toHaveLength(1);
  });
});
