import { randomUUID } from 'node:crypto';
import type { ListAuditEntriesRequest } from '@herald/contracts/audit';
import { refusal } from '@herald/testing';
import { OTHER_RPC, RPC, seqs, testAuditLog, type TestAuditLog } from '../../test/audit-log';
import { AUDIT_JSON_BYTES_MAX } from './append-audit';

let log: TestAuditLog;

describe('listAuditEntries', () => {
  beforeAll(async () => {
    log = await testAuditLog();
  });
  afterAll(() => log.test.close());

  it('gives every entry once, newest first, page by page', async () => {
    const org = await log.orgWith(11);
    const first = await log.list(org, { pageSize: 4 });
    const second = await log.list(org, { pageSize: 4, pageToken: first.nextPageToken });
    await log.append(org);
    const third = await log.list(org, { pageSize: 4, pageToken: second.nextPageToken });
    const pages = [first, second, third].map(({ entries }) => seqs(entries));
    expect(pages).toEqual([
      [11, 10, 9, 8],
      [7, 6, 5, 4],
      [3, 2, 1],
    ]);
    expect(third.nextPageToken).toBe('');
  });

  it('narrows to an RPC, to what was changed, and to both', async () => {
    const org = randomUUID();
    const [one, two] = ['one', 'two'].map((id) => ({ subject: { kind: 'parcel', id } }));
    await log.append(org, one);
    await log.append(org, two);
    await log.append(org, two, OTHER_RPC);
    const found = async (request: Partial<ListAuditEntriesRequest>) => seqs((await log.list(org, request)).entries);
    expect(await found({ rpc: RPC })).toEqual([2, 1]);
    expect(await found({ subjectId: 'two' })).toEqual([3, 2]);
    expect(await found({ subjectId: 'two', rpc: RPC })).toEqual([2]);
    expect(await found({ subjectId: 'three' })).toEqual([]);
  });

  it('narrows to a span of time: from its start on, and before its end', async () => {
    const org = await log.orgWith(4);
    for (const seq of [1, 2, 3, 4]) {
      await log.test.asOwner(`update audit_entry set at = $2 where org_id = $1 and seq = ${seq}`, [org, minute(seq)]);
    }
    const found = async (start?: number, end?: number) =>
      seqs((await log.list(org, { startTime: start && minute(start), endTime: end && minute(end) } as never)).entries);
    expect(await found(2)).toEqual([4, 3, 2]);
    expect(await found(undefined, 3)).toEqual([2, 1]);
    expect(await found(2, 4)).toEqual([3, 2]);
    expect(await found(5)).toEqual([]);
    expect(await found(undefined, 9)).toEqual([4, 3, 2, 1]);
    expect(await found(undefined, 1)).toEqual([]);
  });

  it('ends a page where its entries would be too heavy for an answer', async () => {
    const org = randomUUID();
    const text = 'x'.repeat(AUDIT_JSON_BYTES_MAX - 100);
    for (let made = 0; made < 6; made += 1) await log.append(org, { before: { text }, after: { text } });
    const first = await log.list(org);
    expect(seqs(first.entries)).toEqual([6, 5, 4, 3]);
    expect(seqs((await log.list(org, { pageToken: first.nextPageToken })).entries)).toEqual([2, 1]);
  });

  it('PAGE_TOKEN_INVALID and INVALID_FIELD', async () => {
    expect((await refusal(log.list(randomUUID(), { pageToken: 'nonsense' }))).reason).toBe('PAGE_TOKEN_INVALID');
    const { detail } = await refusal(
      log.list(randomUUID(), { rpc: 'a\0', subjectId: 'x'.repeat(201), endTime: new Date(NaN) }),
    );
    expect(detail.violations?.map(({ field }) => field)).toEqual(['rpc', 'subject_id', 'end_time']);
  });
});

function minute(number: number): Date {
  return new Date(Date.UTC(2026, 10, 24, 12, number));
}
