import { randomUUID } from 'node:crypto';
import { refusal } from '@herald/testing';
import { DeliveryGuarantee, Purpose } from '@herald/contracts/configuration';
import { HeraldError, WARNINGS } from '@herald/errors';
import type { Database } from '@herald/postgres';
import { newId } from '@herald/service';
import {
  contactOf,
  contactsOf,
  messageIdOf,
  openDoors,
  requestOf,
  resolvedConfiguration,
  type Dispatch,
  type OpenDoors,
} from '../../test/open-doors';
import { deps, SHARD } from '../../test/ledger';

const DAY_MS = 24 * 3_600_000;

describe('SendOutboundMessages', () => {
  let doors: OpenDoors;
  let org: string;
  let dispatch: Dispatch;
  let statements = 0;

  /** Counts what goes to the database in the transaction that accepts. */
  const counting = (database: Database): Database => ({
    ...database,
    transaction: (owner, work) =>
      database.transaction(owner, async (tx) => {
        const client = (await tx.queryRunner?.connect()) as { query(...args: unknown[]): unknown };
        const query = client.query.bind(client);
        client.query = (...args) => {
          statements += 1;
          return query(...args);
        };
        try {
          return await work(tx);
        } finally {
          client.query = query;
        }
      }),
  });

  beforeAll(async () => {
    doors = await openDoors(counting);
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    dispatch = doors.as({ org });
    doors.configuration.resolved = resolvedConfiguration();
    doors.configuration.refuses = undefined;
    statements = 0;
  });

  /** How many rows there are of the organisation, in every table that holds any. */
  const stored = async () => {
    const tables = ['outbound_request', 'message', 'message_body', 'batch', 'idempotency', 'quota_head', 'quota_entry'];
    const counts = await Promise.all(
      tables.map((table) =>
        doors.ledger.asOwner<{ rows: number }>(`select count(*)::int as rows from ${table} where org_id = $1`, [org]),
      ),
    );
    return counts.reduce((sum, [row]) => sum + (row?.rows ?? 0), 0);
  };

  it("answers each contact in its place, with the caller's own name for it and its message", async () => {
    const { outboundRequest, results } = await dispatch.sendOutboundMessages(
      requestOf([
        contactOf(1, { clientReference: 'row 17', locale: 'es-MX' }),
        contactOf(2, { clientReference: 'row 18', optin: undefined }),
        contactOf(3, { clientReference: 'row 19', optin: false }),
        contactOf(4, { locale: 'fi-FI', showInTimeline: true }),
        contactOf(1, { toContactId: '+1 (425) 555-0001', clientReference: 'row 21' }),
      ]),
    );
    expect(results.map(({ index, clientReference, outcome }) => [index, clientReference, outcome?.$case])).toEqual([
      [0, 'row 17', 'accepted'],
      [1, 'row 18', 'refused'],
      [2, 'row 19', 'skipped'],
      [3, '', 'accepted'],
      [4, 'row 21', 'skipped'],
    ]);
    expect(results[0]?.outcome?.value).toMatchObject({
      language: 'es-ES',
      segments: 1,
      languageFellBack: false,
      warnings: [],
    });
    expect(results[1]?.outcome?.value).toMatchObject({ reason: 'OPTIN_MISSING', field: 'optin' });
    expect(results[3]?.outcome?.value).toMatchObject({
      language: 'en-US',
      languageFellBack: true,
      warnings: (['LANGUAGE_FELL_BACK', 'TIMELINE_NOT_LINKED'] as const).map((reason) => ({
        reason,
        description: WARNINGS[reason].text,
      })),
    });
    expect(outboundRequest?.counts).toMatchObject({
      ...{ contacts: 5, refused: 1, skipped: 2, queued: 2 },
      refusedByReason: { OPTIN_MISSING: 1 },
      skippedByReason: { OPTED_OUT: 1, REPEATED_ADDRESS: 1 },
    });
    const { message } = await dispatch.getMessage({
      messageId: messageIdOf(results[0]),
    });
    expect(message).toMatchObject({
      contactIndex: 0,
      clientReference: 'row 17',
      toAddress: '+14255550001',
      body: 'Hola Ana',
    });
  });

  it('gives each sender a shard of its own where senders are spread, and tells its owner', async () => {
    const placed = async (channelId: string, spreadSenders: boolean) => {
      doors.configuration.resolved = resolvedConfiguration({ channelId, spreadSenders });
      await dispatch.sendOutboundMessages(requestOf([contactOf()]));
      const [batch] = await doors.ledger.asOwner<{ shard: number; partition: number }>(
        `select batch.shard, outbox.partition
           from batch, lateral (select partition from outbox order by id desc limit 1) as outbox
          where channel_id = $1 order by batch.id desc limit 1`,
        [channelId],
      );
      return batch;
    };
    const shards = new Set<number>();
    for (let senders = 0; senders < 8; senders += 1) {
      const channelId = newId();
      const shard = deps.shardOf(`${org}/${channelId}`);
      expect(await placed(channelId, true)).toEqual({ shard, partition: shard });
      shards.add(shard);
    }
    expect(shards.size).toBeGreaterThan(1);
    expect(await placed(newId(), false)).toEqual({ shard: SHARD, partition: SHARD });
  });

  it('accepts a hundred contacts with as many statements as one', async () => {
    await dispatch.sendOutboundMessages(requestOf([contactOf()]));
    // The first request of a sender gave it its shard.
    statements = 0;
    await dispatch.sendOutboundMessages(requestOf([contactOf()]));
    const forOne = statements;
    statements = 0;
    await dispatch.sendOutboundMessages(requestOf(contactsOf(100)));
    expect(statements).toBe(forOne);
    expect(statements).toBeLessThan(12);
  });

  it('pins what the request says, or else its configuration', async () => {
    const validFor = { seconds: 60, nanos: 0 };
    const overridden = requestOf([contactOf()], {
      ...{ deliveryGuarantee: DeliveryGuarantee.AT_LEAST_ONCE, purpose: Purpose.MARKETING, validFor },
    });
    doors.configuration.resolved = resolvedConfiguration({ purpose: 'MARKETING', validForMs: 120_000 });
    const answers = [
      await dispatch.sendOutboundMessages(overridden),
      await dispatch.sendOutboundMessages(requestOf([contactOf()])),
    ];
    const rows = await doors.ledger.asOwner(
      `select delivery_guarantee as guarantee, purpose, extract(epoch from expires_at - created_at)::int as seconds
         from outbound_request where org_id = $1 order by id`,
      [org],
    );
    expect(rows).toEqual([
      { guarantee: 'AT_LEAST_ONCE', purpose: 'MARKETING', seconds: 60 },
      { guarantee: 'AT_MOST_ONCE', purpose: 'MARKETING', seconds: 120 },
    ]);
    expect(answers.map(({ outboundRequest }) => outboundRequest?.templateVersion)).toEqual([3, 3]);
  });

  it('counts validity from the time to be ready, and from now where that has passed', async () => {
    const validFor = { seconds: 60, nanos: 0 };
    for (const [aheadMs, validUntilMs] of [
      [DAY_MS, DAY_MS + 60_000],
      [-DAY_MS, 60_000],
    ] as const) {
      const readyTime = new Date(Date.now() + aheadMs);
      const { outboundRequest } = await dispatch.sendOutboundMessages(
        requestOf([contactOf()], { readyTime, validFor }),
      );
      const expiresInMs = (outboundRequest?.expireTime?.getTime() ?? 0) - (outboundRequest?.createTime?.getTime() ?? 0);
      expect(Math.abs(expiresInMs - validUntilMs)).toBeLessThan(10_000);
    }
  });

  it('goes by the clock of the ledger, not by its own', async () => {
    await doors.ledger.asOwner(
      `create or replace function ledger_now() returns timestamptz language sql volatile
         as 'select clock_timestamp() - interval ''1 hour'''`,
    );
    try {
      const { outboundRequest } = await dispatch.sendOutboundMessages(requestOf([contactOf()]));
      const hoursBehind = (Date.now() - (outboundRequest?.createTime?.getTime() ?? 0)) / 3_600_000;
      expect(hoursBehind).toBeGreaterThan(0.9);
      const [batch] = await doors.ledger.asOwner(
        'select ready_at <= ledger_now() as "isReady" from batch where org_id = $1',
        [org],
      );
      expect(batch).toEqual({ isReady: true });
    } finally {
      await doors.ledger.asOwner(
        `create or replace function ledger_now() returns timestamptz language sql volatile as 'select clock_timestamp()'`,
      );
    }
  });

  describe('a request that is refused as a whole', () => {
    afterEach(async () => expect(await stored()).toBe(0));

    it('TOO_MANY_CONTACTS: a hundred and one, naming the limit', async () => {
      const error = await refusal(dispatch.sendOutboundMessages(requestOf(contactsOf(101))));
      expect(error.reason).toBe('TOO_MANY_CONTACTS');
      expect(error.detail.metadata).toMatchObject({ contacts: '101', contactsMax: '100' });
    });

    it('NO_CONTACTS: none', async () => {
      const error = await refusal(dispatch.sendOutboundMessages(requestOf([])));
      expect([error.reason, error.detail.violations?.map(({ field }) => field)]).toEqual(['NO_CONTACTS', ['contacts']]);
    });

    it('INVALID_FIELD: names every fault at once, and no value', async () => {
      const error = await refusal(
        dispatch.sendOutboundMessages(
          requestOf(
            [
              contactOf(0, { clientReference: 'x'.repeat(201) }),
              contactOf(1, { toContactId: '1'.repeat(2_001), customerName: 'secret'.repeat(400) }),
              contactOf(2, {
                contextItems: Object.fromEntries(contactsOf(101).map((_, item) => [`item${item}`, 'x'])),
              }),
              contactOf(3, { contextItems: { Text: 'x'.repeat(2_001) }, clientReference: 'a\0b' }),
            ],
            {
              ...{ requestId: 'r-1', outboundConfigurationId: '', validFor: { seconds: 8 * 24 * 3_600, nanos: 0 } },
              readyTime: new Date(Date.now() + 36 * DAY_MS),
            },
          ),
        ),
      );
      expect(error.reason).toBe('INVALID_FIELD');
      expect(error.detail.violations?.map(({ field, reason }) => `${field} ${reason}`)).toEqual([
        'request_id FIELD_MALFORMED',
        'outbound_configuration_id FIELD_MALFORMED',
        'valid_for FIELD_OUT_OF_RANGE',
        'ready_time FIELD_OUT_OF_RANGE',
        'contacts[0].client_reference FIELD_TOO_LONG',
        'contacts[1].to_contact_id FIELD_TOO_LONG',
        'contacts[1].customer_name FIELD_TOO_LONG',
        'contacts[2].context_items FIELD_TOO_MANY',
        'contacts[3].client_reference FIELD_MALFORMED',
        'contacts[3].context_items FIELD_TOO_LONG',
      ]);
      expect(JSON.stringify(error.detail)).not.toContain('secret');
    });

    it.each([
      ['a validity below a second', { validFor: { seconds: 0, nanos: 999_999_999 } }, 'valid_for'],
      ['a validity that is negative', { validFor: { seconds: -1, nanos: 0 } }, 'valid_for'],
    ])('INVALID_FIELD: %s', async (_fault, changes, field) => {
      const error = await refusal(dispatch.sendOutboundMessages(requestOf([contactOf()], changes)));
      expect(error.detail.violations?.map((violation) => violation.field)).toEqual([field]);
    });

    it('what its configuration is refused for', async () => {
      doors.configuration.refuses = new HeraldError('CONFIGURATION_INACTIVE', 'inactive');
      expect((await refusal(dispatch.sendOutboundMessages(requestOf([contactOf()])))).reason).toBe(
        'CONFIGURATION_INACTIVE',
      );
    });

    it('SCOPE_MISSING: a caller who may only read', async () => {
      const reader = doors.as({ org, scopes: ['read'] });
      expect((await refusal(reader.sendOutboundMessages(requestOf([contactOf()])))).reason).toBe('SCOPE_MISSING');
    });
  });

  it('HOURLY_REQUESTS_EXHAUSTED: says when to come again, and stores nothing, whichever look at the quota refuses', async () => {
    doors.configuration.resolved = resolvedConfiguration({ requestsPerHourMax: 3 });
    const calls = await Promise.allSettled(
      Array.from({ length: 12 }, () => dispatch.sendOutboundMessages(requestOf([contactOf(), contactOf(1)]))),
    );
    const refusals = calls.flatMap((call) => (call.status === 'rejected' ? [call.reason as HeraldError] : []));
    expect(refusals).toHaveLength(9);
    for (const { reason, detail } of refusals) {
      expect(reason).toBe('HOURLY_REQUESTS_EXHAUSTED');
      expect(detail.retryAfterMs).toBeGreaterThan(3_500_000);
      expect(detail.retryAfterMs).toBeLessThanOrEqual(3_600_000);
    }
    // Of each accepted one: the request, two messages with their bodies, a batch, a request id, an entry; and one head.
    expect(await stored()).toBe(3 * 8 + 1);
  });

  describe('a repeat', () => {
    it('P2: gets the first answer, though the configuration, its limits and the quota changed since', async () => {
      const request = requestOf([contactOf(), contactOf(1, { optin: false })]);
      const first = await dispatch.sendOutboundMessages(request);
      const before = await stored();
      doors.configuration.refuses = new HeraldError('CONFIGURATION_INACTIVE', 'inactive');
      doors.configuration.resolved = resolvedConfiguration({ requestsPerHourMax: 1, contactsPerRequestMax: 1 });
      expect(await dispatch.sendOutboundMessages(request)).toEqual(first);
      expect(await stored()).toBe(before);
    });

    it('P2: is known by its content, in whatever order a map came', async () => {
      const contextItems = { CustomerName: 'Ana', OrderNumber: '1' };
      const reversed = { OrderNumber: '1', CustomerName: 'Ana' };
      const request = requestOf([contactOf(0, { contextItems })]);
      const first = await dispatch.sendOutboundMessages(request);
      expect(
        await dispatch.sendOutboundMessages({ ...request, contacts: [contactOf(0, { contextItems: reversed })] }),
      ).toEqual(first);
    });

    it.each([
      ['another contact', { contacts: [contactOf(7)] }],
      ['another configuration', { outboundConfigurationId: randomUUID() }],
      ['a time to be ready', { readyTime: new Date(0) }],
      ['no consent where there was', { contacts: [contactOf(0, { optin: undefined })] }],
    ])('P2: REQUEST_ID_REUSED: with %s', async (_what, changes) => {
      const request = requestOf([contactOf()]);
      await dispatch.sendOutboundMessages(request);
      const error = await refusal(dispatch.sendOutboundMessages({ ...request, ...changes }));
      expect([error.reason, error.detail.metadata?.requestId]).toEqual(['REQUEST_ID_REUSED', request.requestId]);
    });
  });
});
