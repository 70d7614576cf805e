import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { addHistory } from '../../test/history';
import { testLedger, type TestLedger } from '../../test/ledger';
import { checkLedger } from '../reports/check-ledger';
import { getDeliveryReport } from '../reports/get-delivery-report';
import { dropMonths } from './drop-months';
import { MONTHLY_TABLES, RETENTION_DEFAULT } from './retention';

const DAY_MS = 24 * 3_600_000;

describe('dropMonths', () => {
  let ledger: TestLedger;
  let dropped: string[];

  beforeEach(async () => {
    ledger = await testLedger();
    dropped = [];
  });
  afterEach(() => ledger.close());

  const ago = (days: number) => new Date(Date.now() - days * DAY_MS);
  const drop = (retention = RETENTION_DEFAULT) =>
    dropMonths({ database: ledger.database, retention, onDropped: ({ table }) => dropped.push(table) });
  const monthsOf = async (table: string) =>
    (await ledger.asOwner(`select 1 from pg_inherits where inhparent = '${table}'::regclass`)).length;
  const rowsOf = async (table: string) => {
    const [row] = await ledger.asOwner<{ rows: number }>(`select count(*)::int as rows from ${table}`);
    return row?.rows;
  };
  const reported = (org: string, from: Date) =>
    getDeliveryReport(
      ledger.database,
      { org, statementMs: 5_000 },
      {
        startTime: from,
        endTime: new Date(from.getTime() + 92 * DAY_MS),
        outboundConfigurationId: '',
        channelId: '',
      },
    );

  it('keeps the counts of what goes: neither the check nor the report of any time tells a difference', async () => {
    const [org, other] = [newId(), newId()];
    await addHistory(ledger, { org, messages: 3_000, from: ago(540), to: ago(60) });
    await addHistory(ledger, { org: other, messages: 500, from: ago(500), to: ago(450), seed: 'b' });
    const before = await checkLedger(ledger.database, org, undefined);
    const from = new Date(ago(530).toISOString().slice(0, 10));
    const reportBefore = await reported(org, from);
    await drop();
    expect(dropped.filter((table) => table === 'message').length).toBeGreaterThan(2);
    const after = await checkLedger(ledger.database, org, undefined);
    expect(after).toEqual({ ...before, snapshotTime: after.snapshotTime });
    expect(after).toMatchObject({ conserved: true, requests: 30, counts: { contacts: 3_060, refused: 60 } });
    expect(await reported(org, from)).toEqual(reportBefore);
    expect((await checkLedger(ledger.database, other, undefined)).counts?.contacts).toBe(510);
    for (const table of ['outbound_request', 'batch', 'provider_ref'])
      expect((await rowsOf(table)) ?? 0).toBeLessThan(table === 'provider_ref' ? 2_820 : 30);
  });

  it('erases texts and addresses after their time, and leaves the messages', async () => {
    await addHistory(ledger, { org: newId(), messages: 1_000, from: ago(200), to: ago(190) });
    await drop();
    expect(await rowsOf('message_body')).toBe(0);
    expect(await rowsOf('message')).toBe(1_000);
    expect(new Set(dropped)).toEqual(new Set(['message_body']));
  });

  it('keeps a month, and those after it, while a message in it may still have to be sent', async () => {
    const org = newId();
    await addHistory(ledger, { org, messages: 200, from: ago(520), to: ago(430) });
    await ledger.asOwner(
      `update message set rank = 1, best = 0 where id = (select id from message where batch_id is not null order by id limit 1)`,
    );
    const months = await monthsOf('message');
    await drop();
    expect(dropped).toEqual([]);
    await ledger.asOwner('update message set rank = 60 where rank = 1');
    await drop();
    expect(await monthsOf('message')).toBeLessThan(months);
    expect((await checkLedger(ledger.database, org, undefined)).discrepancies).toEqual([]);
  });

  it('takes a request whole that was accepted while a month ended', async () => {
    const org = newId();
    const end = new Date(Date.UTC(ago(440).getUTCFullYear(), ago(440).getUTCMonth(), 1));
    await addHistory(ledger, { org, messages: 100, from: new Date(end.getTime() - DAY_MS), to: ago(439) });
    // The second half of the messages, and the request, were made a moment after the month's end.
    await ledger.asOwner(
      `create function pg_temp.moved(id uuid) returns uuid language sql as $$
         select (lpad(to_hex((extract(epoch from timestamptz '${end.toISOString()}') * 1000)::bigint), 12, '0')
                 || substr(replace(id::text, '-', ''), 13))::uuid $$`,
    );
    await ledger.asOwner(`update message_body set id = pg_temp.moved(id) where substr(id::text, 16, 3) > '032'`);
    await ledger.asOwner(`update message set id = pg_temp.moved(id) where contact_index >= 50`);
    await ledger.asOwner(`update message set outbound_request_id = pg_temp.moved(outbound_request_id)`);
    await ledger.asOwner(`update outbound_request set id = pg_temp.moved(id)`);
    await ledger.asOwner(`update batch set last_id = pg_temp.moved(last_id)`);
    await ledger.asOwner(
      `update provider_ref set message_id = pg_temp.moved(message_id) where substr(message_id::text, 16, 3) > '032'`,
    );
    expect((await checkLedger(ledger.database, org, undefined)).discrepancies).toEqual([]);
    const keep = Math.floor((Date.now() - end.getTime()) / DAY_MS);
    await drop({ messageDays: keep, bodyDays: keep });
    expect(dropped).toEqual(MONTHLY_TABLES.map(({ table }) => table));
    for (const table of ['outbound_request', 'message', 'message_body', 'message_step', 'batch', 'provider_ref'])
      expect([table, await rowsOf(table)]).toEqual([table, 0]);
    expect(await checkLedger(ledger.database, org, undefined)).toMatchObject({
      conserved: true,
      counts: { contacts: 102 },
    });
  });

  it('drops nothing where the rows contradict each other, so that the check still names them', async () => {
    const org = newId();
    await addHistory(ledger, { org, messages: 100, from: ago(500), to: ago(450) });
    await ledger.asOwner('update outbound_request set contacts = 103');
    await expect(drop()).rejects.toThrow('not the sum of their states: the month is kept');
    expect(await rowsOf('message')).toBe(100);
    expect(await rowsOf('ledger_day')).toBe(0);
    expect((await checkLedger(ledger.database, org, undefined)).conserved).toBe(false);
  });

  it('leaves all rows, and no counts, when it dies in the midst of dropping', async () => {
    const org = newId();
    await addHistory(ledger, { org, messages: 300, from: ago(500), to: ago(499) });
    const before = await checkLedger(ledger.database, org, undefined);
    // Somebody reads, so that the drop waits with everything else done.
    await ledger.asOwner('begin');
    await ledger.asOwner('lock table message in access share mode');
    const dropping = expect(drop({ messageDays: 400, bodyDays: 3_660 })).rejects.toThrow();
    await eventually(async () => {
      await ledger.asOwner('select pg_stat_clear_snapshot()');
      const killed = await ledger.asOwner(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and query like '%drop_month_partition%' and pid <> pg_backend_pid()`,
      );
      expect(killed).toHaveLength(1);
    });
    await dropping;
    await ledger.asOwner('rollback');
    const after = await checkLedger(ledger.database, org, undefined);
    expect(after).toEqual({ ...before, snapshotTime: after.snapshotTime });
    expect(await rowsOf('message')).toBe(300);
    expect(await rowsOf('ledger_day')).toBe(0);
    await drop();
    expect((await checkLedger(ledger.database, org, undefined)).counts).toEqual(before.counts);
    expect(await rowsOf('message')).toBe(0);
  });

  it('accepts, though nobody made months for a long time', async () => {
    await ledger.asOwner(
      `do $$ declare name text; begin
         for name in select relname from pg_class where relispartition and relkind = 'r' loop
           execute 'drop table ' || name;
         end loop; end $$`,
    );
    const request = await ledger.accept({ messages: 3 });
    expect(await ledger.states(request)).toEqual(['QUEUED', 'QUEUED', 'QUEUED']);
    expect(await monthsOf('message_body')).toBe(3);
  });

  it('the check finds a day whose counts were changed after its messages went', async () => {
    const org = newId();
    await addHistory(ledger, { org, messages: 100, from: ago(500), to: ago(499) });
    await drop();
    await ledger.asOwner(`update ledger_day set messages = messages - 1 where state = 'SENT'`);
    const { conserved, discrepancies } = await checkLedger(ledger.database, org, undefined);
    expect(conserved).toBe(false);
    expect(discrepancies).toEqual([
      {
        subject: ago(500).toISOString().slice(0, 10),
        description: '102 contacts of messages no longer kept, but the states add up to 101',
      },
    ]);
  });

  it('a message that is frozen with its month takes no late word', async () => {
    await addHistory(ledger, { org: newId(), messages: 100, from: ago(500), to: ago(499) });
    await ledger.database.worker((tx) => tx.query(`select freeze_month_partition('message', $1)`, [ago(500)]));
    await ledger.database.worker((tx) => tx.query('update message set best = 90'));
    expect(await ledger.asOwner('select 1 from message where best = 90')).toEqual([]);
    await ledger.database.worker((tx) => tx.query(`select thaw_month_partition('message', $1)`, [ago(500)]));
    await ledger.database.worker((tx) => tx.query('update message set best = 90'));
    expect(await ledger.asOwner('select 1 from message where best <> 90')).toEqual([]);
  });

  it('the database itself refuses to drop a month that may still be sent from', async () => {
    const refused = ledger.database.worker((tx) => tx.query(`select drop_month_partition('message', $1)`, [ago(40)]));
    await expect(refused).rejects.toThrow('is kept for six weeks at least');
  });

  it('knows how long every table that is partitioned by month is kept', async () => {
    const tables = await ledger.asOwner<{ name: string }>(
      `select relname as name from pg_class where relkind = 'p' and relnamespace = 'dispatch'::regnamespace`,
    );
    expect(MONTHLY_TABLES.map(({ table }) => table).sort()).toEqual(tables.map(({ name }) => name).sort());
  });
});
