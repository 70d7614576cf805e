import { randomUUID } from 'node:crypto';
import { refusal } from '@herald/testing';
import { OTHER_RPC, testAuditLog, type TestAuditLog } from '../../test/audit-log';
import { entryHash, NO_HASH } from './entries';

let log: TestAuditLog;

describe('checkAuditLog', () => {
  beforeAll(async () => {
    log = await testAuditLog();
  });
  afterAll(() => log.test.close());

  const COLUMNS: [string, string][] = [
    ['at', `at + interval '1 millisecond'`],
    ['caller_kind', `'SERVICE'`],
    ['caller', `'eve'`],
    ['rpc', `'${OTHER_RPC}'`],
    ['subject_kind', `'letter'`],
    ['subject_id', `'two'`],
    ['request_id', `''`],
    ['before', `'null'`],
    ['after', `'{ "made": 2 }'`],
    ['trace_id', `''`],
    ['prev_hash', `sha256('')`],
    ['hash', `sha256('')`],
  ];

  it('S16: a log that nobody wrote to is intact', async () => {
    const empty = { entries: 0, intact: true, fault: undefined, head: { seq: '0', hash: NO_HASH } };
    expect(await log.check(randomUUID())).toEqual(empty);
  });

  it.each(COLUMNS)('S16: a changed %s is found', async (column, value) => {
    const org = await log.orgWith(5);
    await log.test.asOwner(`update audit_entry set ${column} = ${value} where org_id = $1 and seq = 3`, [org]);
    const fault = { seq: '3', kind: 'KIND_ENTRY_CHANGED' };
    expect(await log.check(org)).toMatchObject({ entries: 2, intact: false, fault });
  });

  it('S16: every column is covered by the hash, or is it', async () => {
    const columns = await log.test.asOwner<{ name: string }>(
      `select column_name as name from information_schema.columns
        where table_schema = 'sample' and table_name = 'audit_entry'`,
    );
    const proved = [...COLUMNS.map(([column]) => column), 'org_id', 'seq'];
    expect(columns.map(({ name }) => name).sort()).toEqual(proved.sort());
  });

  const tampering: [string, { statements: string[]; fault: { seq: string; kind: string } }][] = [
    [
      'an entry deleted in the middle',
      {
        statements: ['delete from audit_entry where org_id = $1 and seq = 3'],
        fault: { seq: '3', kind: 'KIND_ENTRY_MISSING' },
      },
    ],
    [
      'an entry deleted and those behind it moved up',
      {
        statements: [
          'delete from audit_entry where org_id = $1 and seq = 3',
          'update audit_entry set seq = seq - 1 where org_id = $1 and seq = 4',
        ],
        fault: { seq: '3', kind: 'KIND_ENTRY_CHANGED' },
      },
    ],
    [
      'the tail cut off',
      {
        statements: ['delete from audit_entry where org_id = $1 and seq > 3'],
        fault: { seq: '4', kind: 'KIND_ENTRY_MISSING' },
      },
    ],
    [
      'all entries deleted',
      { statements: ['delete from audit_entry where org_id = $1'], fault: { seq: '1', kind: 'KIND_ENTRY_MISSING' } },
    ],
    [
      'an entry added behind the head',
      { statements: [copyOf(3, '6')], fault: { seq: '6', kind: 'KIND_ENTRY_INSERTED' } },
    ],
    [
      'an entry exchanged for a copy of another',
      {
        statements: ['delete from audit_entry where org_id = $1 and seq = 4', copyOf(3, '4')],
        fault: { seq: '4', kind: 'KIND_ENTRY_CHANGED' },
      },
    ],
    [
      'an entry added behind the head, and the head moved to it',
      {
        statements: [copyOf(3, '6'), 'update audit_head set seq = 6 where org_id = $1'],
        fault: { seq: '6', kind: 'KIND_ENTRY_CHANGED' },
      },
    ],
    [
      'the tail cut off, and the head moved back without its hash',
      {
        statements: [
          'delete from audit_entry where org_id = $1 and seq > 3',
          'update audit_head set seq = 3 where org_id = $1',
        ],
        fault: { seq: '3', kind: 'KIND_HEAD_CHANGED' },
      },
    ],
    [
      'the head taken away',
      {
        statements: ['delete from audit_head where org_id = $1'],
        fault: { seq: '1', kind: 'KIND_ENTRY_INSERTED' },
      },
    ],
  ];

  it.each(tampering)('S16: %s is found', async (_what, { statements, fault }) => {
    const org = await log.orgWith(5);
    for (const statement of statements) await log.test.asOwner(statement, [org]);
    expect(await log.check(org)).toMatchObject({ intact: false, fault });
  });

  it('S16: an entry written anew with a hash that fits breaks the chain behind it', async () => {
    const org = await log.orgWith(5);
    await log.test.asOwner(`update audit_entry set caller = 'eve' where org_id = $1 and seq = 3`, [org]);
    await log.test.asOwner(`update audit_entry e set hash = decode($2, 'hex') where org_id = $1 and seq = 3`, [
      org,
      await fittingHash(org, 3),
    ]);
    expect(await log.check(org)).toMatchObject({ entries: 3, fault: { seq: '4', kind: 'KIND_CHAIN_BROKEN' } });
  });

  it('S16: a log that was cut off and written anew is found by an earlier head', async () => {
    const org = await log.orgWith(5);
    const { head } = await log.check(org);
    await log.append(org);
    expect(await log.check(org, head)).toMatchObject({ entries: 6, intact: true });
    await log.test.asOwner('delete from audit_entry where org_id = $1', [org]);
    await log.test.asOwner('delete from audit_head where org_id = $1', [org]);
    const lost = { intact: false, fault: { seq: '5', kind: 'KIND_HEAD_NOT_EXPECTED' } };
    expect(await log.check(org, head)).toMatchObject(lost);
    for (let made = 0; made < 6; made += 1) await log.append(org, { after: { made: -made } });
    expect(await log.check(org)).toMatchObject({ entries: 6, intact: true });
    expect(await log.check(org, head)).toMatchObject(lost);
  });

  it('S16: INVALID_FIELD for an expected head that no check answered with', async () => {
    const error = await refusal(log.check(randomUUID(), { seq: 'last', hash: 'none' }));
    expect([error.reason, error.detail.violations?.map(({ field }) => field)]).toEqual([
      'INVALID_FIELD',
      ['expected_head.seq', 'expected_head.hash'],
    ]);
  });

  /** The hash that fits what an entry says now. */
  async function fittingHash(org: string, seq: number): Promise<string> {
    const entry = (await log.list(org)).entries.find((one) => one.seq === String(seq));
    if (!entry) throw new Error('the entry is not there');
    return entryHash({
      ...{ ...entry, org: entry.orgId, atMs: String(entry.time?.getTime()), callerKind: 'USER' },
      ...{ requestId: null, before: null, after: entry.afterJson, traceId: null },
    });
  }
});

/** A statement that adds an entry like another. */
function copyOf(seq: number, as: string): string {
  const columns = 'at, caller_kind, caller, rpc, subject_kind, subject_id, request_id, before, after, trace_id';
  return `insert into audit_entry (org_id, seq, ${columns}, prev_hash, hash)
          select org_id, ${as}, ${columns}, prev_hash, hash from audit_entry where org_id = $1 and seq = ${seq}`;
}
