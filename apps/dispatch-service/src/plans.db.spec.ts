import { createHash } from 'node:crypto';
import './start';
import { preparedStatements } from '@herald/postgres';
import { newId } from '@herald/service';
import { sized } from '@herald/testing';
import { addHistory } from '../test/history';
import { ORG, SHARD, testLedger, type StoredRequest, type TestLedger } from '../test/ledger';
import { planOf, type Executed, type Explained } from '../test/plan-of';

/** A past of a year, and ten times as much. */
const MESSAGES = sized(10_000_000, 400_000);
const DAY_MS = 24 * 3_600_000;
/** What made 28,000 messages a second took six minutes for ten million. */
const MAKING_MS = 40 * 60_000;
/** In a conversation whose last reply asks for its turn. */
const REPLIES = 30;
/** Of fewer rows than this, reading all may cost less than an index does. */
const MANY_ROWS = 20_000;
/** Trees grow by a level, from three to four at most. */
const GROWTH_MAX = 1.4;
const MORE_PAGES = 12;
/** The stream that is open. */
const STREAM = newId();
/**
 * What a hundred messages cost by indexes alone. Over a small past a plan that reads more at once may be cheaper still, and
 * give way to the indexes as the past grows; over ten million this is not allowed for.
 */
const PAGES_BY_INDEX = 100 * 12;

interface Asked {
  as: 'app' | 'worker';
  params: readonly unknown[];
}

describe('plans of the hot statements', () => {
  let ledger: TestLedger;
  let epoch: string;
  let open: StoredRequest;
  let sent: StoredRequest;
  let reply: StoredRequest;
  const plans = { less: new Map<string, Executed>(), more: new Map<string, Executed>() };

  beforeAll(async () => {
    ledger = await testLedger();
    await grow('a', MESSAGES / 10);
    plans.less = await explainAll();
    await grow('b', MESSAGES - MESSAGES / 10);
    plans.more = await explainAll();
  }, MAKING_MS);
  afterAll(() => ledger.close());

  /** Adds to the past, and begins requests of now: one that waits to be sent, one that is being sent, and a conversation. */
  async function grow(seed: string, messages: number): Promise<void> {
    const [from, to] = [new Date(Date.now() - 365 * DAY_MS), new Date(Date.now() - DAY_MS)];
    await addHistory(ledger, { org: ORG, messages, from, to, seed });
    await ledger.asOwner(
      `insert into quota_entry (org_id, seq, accepted_at)
       select $1, coalesce((select max(seq) from quota_entry), 0) + n, now() from generate_series(1, $2::int) as n`,
      [ORG, messages / 100],
    );
    await growStream(seed, messages);
    await ledger.asOwner(
      `insert into quota_head (org_id, seq, last_at) select org_id, max(seq) + 1, now() from quota_entry group by org_id
       on conflict (org_id) do update set seq = excluded.seq`,
    );
    open = await ledger.accept({ org: ORG, messages: 100 });
    sent = await ledger.accept({ org: ORG, messages: 100 });
    for (const key of Array<string>(REPLIES).fill(newId()))
      reply = await ledger.accept({ org: ORG, messages: 1, sequence: { key, at: new Date() } });
    epoch = await ledger.lease();
    await ledger.claim(sent, epoch);
    await analyzeAsAutovacuum();
  }

  /** Adds streams of the past, and addresses of the one that is open. */
  async function growStream(seed: string, messages: number): Promise<void> {
    await ledger.asOwner(
      `insert into outbound_stream (org_id, caller, stream_id, id, opening_hash, request_size, salt, created_at)
       select $1, 'spec', id, id, '', 100, '', now()
         from (select $2::uuid as id union all select md5($3 || n)::uuid from generate_series(1, $4::int) as n) as streams
       on conflict do nothing`,
      [ORG, STREAM, seed, messages / 10],
    );
    await ledger.asOwner(
      `insert into outbound_stream_address (org_id, outbound_stream_id, address_hash, opted_out)
       select $1, $2, decode(md5($3 || n), 'hex'), false from generate_series(1, $4::int) as n`,
      [ORG, STREAM, seed, messages],
    );
  }

  /** Autovacuum analyses partitions and never the table that is partitioned; the newest month it has not come to yet. */
  async function analyzeAsAutovacuum(): Promise<void> {
    const tables = await ledger.asOwner<{ name: string }>(
      `select relname as name from pg_class where relkind = 'r' and relnamespace = 'dispatch'::regnamespace order by 1`,
    );
    const thisMonth = new Date().toISOString().slice(0, 7).replace('-', '_');
    for (const { name } of tables) {
      if (!name.endsWith(thisMonth)) await ledger.asOwner(`analyze ${name}`);
    }
  }

  async function explainAll(): Promise<Map<string, Executed>> {
    const explained = new Map<string, Executed>();
    for (const statement of statements()) {
      // A worker's statements are never planned by their values: libs/postgres.
      const kinds = statement.as === 'worker' ? (['generic'] as const) : (['generic', 'custom'] as const);
      for (const kind of kinds) explained.set(`${statement.name}, ${kind}`, await planOf(ledger, statement, kind));
    }
    return explained;
  }

  async function rowsOf(table: string): Promise<number> {
    const [row] = await ledger.asOwner<{ rows: number }>(`select count(*)::int as rows from ${table}`);
    return row?.rows ?? 0;
  }

  function statements(): Explained[] {
    const asked = askedOf({ open, sent, reply, epoch });
    return [...preparedStatements()].flatMap(([name, text]) => {
      const how = asked[name];
      return how ? [{ name, text, org: ORG, ...how }] : [];
    });
  }

  it('asks for the plan of every statement that is made ready by name, and of no other', () => {
    expect(Object.keys(askedOf({ open, sent, reply, epoch })).sort()).toEqual([...preparedStatements().keys()].sort());
  });

  it('reads no table of many rows from end to end', async () => {
    const scans = [...plans.more].flatMap(([name, { scanned }]) => scanned.map((table) => ({ name, table })));
    const rows = new Map<string, number>();
    for (const table of new Set(scans.map((scan) => scan.table))) rows.set(table, await rowsOf(table));
    expect(scans.filter(({ table }) => (rows.get(table) ?? 0) > MANY_ROWS)).toEqual([]);
  });

  it('looks into the month or two that the messages are in, of more than a dozen', () => {
    const wide = [...plans.more].filter(
      ([name, { partitions }]) => monthsIn(partitions) > 2 && !BY_MESSAGE.has(name.split(',')[0] ?? ''),
    );
    expect(wide).toEqual([]);
  });

  it('costs as much over ten times the past', () => {
    const dearer = [...plans.more].flatMap(([name, { buffers }]) => {
      const before = plans.less.get(name)?.buffers ?? 0;
      const months = BY_MESSAGE.has(name.split(',')[0] ?? '') ? 14 : 1;
      const most = Math.max(before * GROWTH_MAX + MORE_PAGES, sized(0, PAGES_BY_INDEX * months));
      return buffers > most ? [{ name, before, after: buffers }] : [];
    });
    expect(dearer).toEqual([]);
  });
});

/**
 * They ask for the steps of a message whenever they were: a step may be months younger than its message. None of them
 * is part of a send.
 */
const BY_MESSAGE = new Set([
  'message_step_contradict',
  'message_first_failure',
  'message_unknown_attempts',
  'message_twins',
]);

function monthsIn(partitions: readonly string[]): number {
  return new Set(partitions.map((name) => name.slice(-'0000_00'.length))).size;
}

/** Who runs each statement, and with what it would run at this moment. */
function askedOf(
  now: Record<'open' | 'sent' | 'reply', StoredRequest> & { epoch: string },
): Readonly<Record<string, Asked>> {
  const { open, sent, reply, epoch } = now;
  const ids = sent.messageIds;
  const [first, last] = [ids[0], ids.at(-1)];
  const orgs = ids.map(() => ORG);
  const accounts = ids.map(() => sent.channelAccountId);
  const providerIds = ids.map((id) => `SM${id.replaceAll('-', '')}`);
  const fresh = ids.map(() => newId());
  const each = <T>(value: T) => ids.map(() => value);
  const hashes = fresh.map((id) => createHash('md5').update(id).digest());
  const time = new Date();
  const steps = [
    ...[orgs, ids, ids.map(() => newId()), each(1), each('FAILED'), each(60), each(null), each('30003'), each(null)],
    ...[each('CALLBACK'), each(null), each(null)],
  ];
  const app = (...params: unknown[]): Asked => ({ as: 'app', params });
  const worker = (...params: unknown[]): Asked => ({ as: 'worker', params });
  return {
    outbox_insert: app([newId()], ['t'], ['k'], [1], ['y'], [time], null, [Buffer.from('p')]),
    outbox_claim: worker(60, 500),
    outbox_remove: worker([newId()]),
    idempotency_claim: app(ORG, 'spec', 'SendOutboundMessages', newId(), Buffer.from('h'), Buffer.from('r')),
    idempotency_find: app(ORG, 'spec', 'SendOutboundMessages', newId()),
    audit_append: app('USER', 'spec', 'SendOutboundMessages', 'outbound_request', open.id, newId(), null, '{}', null),
    message_lock: worker(orgs, ids, first, last),
    message_write_standing: worker(
      ...[orgs, ids, each(20), each(0), each(null), each(null), providerIds],
      ...[ids.map(() => newId()), each('SENT'), each('SEND'), first, last],
    ),
    message_write_first: worker(
      ...[orgs, ids, each(1), each(20), each(null), each(null), providerIds],
      ...[each('SEND'), ids.map(() => newId()), each('SENT'), first, last],
    ),
    message_step_insert: worker(...steps),
    message_step_contradict: worker(...steps),
    message_first_failure: worker(orgs, ids, each(sent.batchId), 900),
    message_unknown_attempts: worker(orgs, ids),
    message_twins: worker(orgs, ids, each('+14255550100'), each('text'), new Date(time.getTime() - 3_600_000)),
    message_standing: worker([ORG], [sent.batchId], [first], [last]),
    provider_ref_owners: worker(orgs, accounts, providerIds),
    batch_check_now: worker([ORG], [sent.batchId]),
    batch_check_take: worker([SHARD], 100),
    batch_check_lock: worker([ORG], [sent.batchId]),
    batch_check_set: worker([ORG], [sent.batchId], [time], [time]),
    account_lock: worker(ORG, sent.channelAccountId),
    account_pay: worker(ORG, sent.channelAccountId, 1, 1),
    account_day: worker(ORG, sent.channelAccountId),
    account_hour_add: worker(ORG, sent.channelAccountId, 100),
    provider_ref_put_id: worker(orgs, accounts, providerIds, ids, each(1)),
    provider_ref_put_word: worker(orgs, accounts, providerIds, each(20), each(null)),
    lease_hold: worker(SHARD, epoch),
    batch_lock_overdue: worker(ORG, open.batchId),
    batch_lock: worker(ORG, [open.batchId]),
    sequence_busy: worker(ORG, [reply.batchId], 20, 20),
    sender_lock: worker(ORG, open.channelId),
    claim_read: worker(ORG, [open.batchId], [0], [open.messageIds[0]], [open.messageIds.at(-1)], 100, 100),
    batch_claim: worker(ORG, [open.batchId], [50]),
    slice_insert: worker(ORG, open.channelId, 0, 1, SHARD, epoch, 5, [open.batchId], [1], [50]),
    batch_follow: worker(ORG, sent.batchId, newId(), 1, 100, first, last),
    message_move: worker(ORG, open.batchId, false, ids, each('THROTTLED')),
    breaker_open: worker(ORG, sent.channelAccountId, sent.channelId, SHARD, epoch, 'HOST_DOWN', 10),
    breaker_close: worker(ORG, sent.channelAccountId, sent.channelId),
    batch_sweep: worker([SHARD], 200, 5_000),
    batch_lane_page: worker(SHARD, ORG, open.channelId, 0, 200),
    quota_take_number: app(ORG),
    quota_add_entry: app(ORG, 30_000),
    quota_when_next: app(ORG, 30_000),
    outbound_request_insert: app(
      ...[ORG, newId(), newId(), 'spec', newId(), newId(), 1, open.channelId, open.channelAccountId],
      ...['SMS', false, 'AT_MOST_ONCE', 'TRANSACTIONAL', 100, 0, '{}', time, time],
    ),
    batch_insert: app(
      ...[ORG, newId(), SHARD, open.channelId, open.channelAccountId, 0, 'AT_MOST_ONCE', time, time],
      ...[100, fresh[0], fresh.at(-1), null, time, open.id, newId(), null, null],
    ),
    message_insert: app(
      ...[ORG, open.id, open.batchId, time],
      ...[fresh, ids.map((_, index) => index), each(null), each('en'), each(1)],
    ),
    outbound_stream_find: app(ORG, 'spec', STREAM),
    outbound_stream_advance: app(ORG, STREAM, 0, 100),
    outbound_stream_address_find: app(ORG, STREAM, hashes),
    outbound_stream_address_add: app(ORG, STREAM, hashes, each(false)),
    message_body_insert: app(ORG, fresh, each('+14255550100'), each('text')),
  };
}
