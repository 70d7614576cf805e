import { newId } from '@herald/service';
import { eventually } from '@herald/testing';
import { instancesOf, usable } from '../../test/instance';
import { claimOf, deps, ORG, SHARD, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { claim } from '../claim/claim';
import { expireOverdue } from '../claim/expire';
import { openBatches } from '../lanes/sweep';
import { insertHold, lockHold, markReleased, type HoldKind } from './hold-store';

/** Nothing goes to a socket later than this after its claim began, and holds are read in the claim. */
const STOPPED_WITHIN_MS = 5_000;
/** A thousand messages take five seconds, so that a hold meets them half way. */
const PACE = { segmentsPerSecond: 200 };

describe('a hold', () => {
  let ledger: TestLedger;
  let epoch: string;
  const { start } = instancesOf(() => ledger);

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    epoch = await ledger.lease();
  });

  const place = async (kind: HoldKind, subjectId: string, org = ORG) => {
    const hold = { org, id: newId(), kind, subjectId, note: '', createdBy: 'spec' };
    const placed = await ledger.database.transaction(org, (tx) => insertHold(tx, hold));
    return placed?.id ?? '';
  };
  const release = (id: string) =>
    ledger.database.transaction(ORG, async (tx) => {
      await lockHold(tx, ORG, id);
      await markReleased(tx, ORG, id);
    });
  const ask = (request: StoredRequest, changes: { batchIds?: string[]; segmentsPerSecond?: number } = {}) =>
    ledger.database.worker((tx) => claim(tx, deps, claimOf(request, epoch, changes)));
  const swept = async () => (await openBatches(ledger.database, [SHARD])).map(({ id }) => id);
  const configurationOf = async ({ id }: StoredRequest) => {
    const [row] = await ledger.asOwner<{ id: string }>(
      'select configuration_id as id from outbound_request where id = $1',
      [id],
    );
    return row?.id ?? '';
  };
  const subjectOf: Record<HoldKind, (request: StoredRequest) => Promise<string> | string> = {
    REQUEST: ({ id }) => id,
    OUTBOUND_CONFIGURATION: configurationOf,
    CHANNEL: ({ channelId }) => channelId,
    ORGANIZATION: ({ org }) => org,
  };

  it.each(Object.keys(subjectOf) as HoldKind[])(
    'S15: of kind %s lets nothing of its subject be claimed, and what was claimed before go on, until it is released',
    async (kind) => {
      const request = await ledger.accept({ messages: 5 });
      await ledger.claim(request, epoch, 1);
      const hold = await place(kind, await subjectOf[kind](request));
      await ledger.asOwner(`update sender set paid_until = clock_timestamp() - interval '1 second'`);
      expect(await ask(request)).toMatchObject({ slices: [], gone: [request.batchId], later: [] });
      expect(await swept()).toEqual([]);
      expect(await ledger.states(request)).toEqual(['SENDING', 'SENDING', 'QUEUED', 'QUEUED', 'QUEUED']);
      await release(hold);
      expect(await swept()).toEqual([request.batchId]);
      const { lo, hi } = await ledger.claim(request, epoch);
      expect([lo, hi]).toEqual([3, 5]);
    },
  );

  it('stops only its own subject: other requests, configurations and organisations of the sender go on', async () => {
    const held = await ledger.accept();
    const other = await ledger.accept({ channelId: held.channelId });
    const foreign = await ledger.accept({ org: newId() });
    await place('REQUEST', held.id);
    await place('OUTBOUND_CONFIGURATION', await configurationOf(held));
    await place('CHANNEL', newId());
    await place('ORGANIZATION', newId(), newId());
    const batchIds = [held.batchId, other.batchId];
    const answer = await ask(held, { batchIds });
    expect(answer).toMatchObject({ slices: [{ batchId: other.batchId }], gone: [held.batchId, other.batchId] });
    expect(await swept()).toEqual([foreign.batchId]);
  });

  it('P12: on a configuration with a long queue hides no other of the same sender', async () => {
    const held = await ledger.accept({ readyAt: new Date(Date.now() - 60_000) });
    await ledger.asOwner(
      `insert into batch (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at,
                          expires_at, size, first_id, last_id, created_at, outbound_request_id, configuration_id)
       select org_id, gen_random_uuid(), shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at,
              expires_at, size, first_id, last_id, created_at, outbound_request_id, configuration_id
         from batch, generate_series(1, 400)`,
    );
    const other = await ledger.accept({ channelId: held.channelId });
    await place('OUTBOUND_CONFIGURATION', await configurationOf(held));
    expect(await swept()).toEqual([other.batchId]);
    await ledger.clear();
  });

  it('P14: does not keep what it holds from expiring', async () => {
    const request = await ledger.accept({ validForMs: -1 });
    const overdue = await ledger.accept({ validForMs: -1 });
    await place('ORGANIZATION', ORG);
    expect(await ask(request)).toMatchObject({ gone: [request.batchId] });
    const lease = { shard: SHARD, epoch };
    await expireOverdue({ ...deps, database: ledger.database, leases: { of: () => lease, shards: () => [SHARD] } });
    for (const one of [request, overdue]) expect(new Set(await ledger.states(one))).toEqual(new Set(['EXPIRED']));
  });

  it('S15: stops a sender under load within 5 s, and the rest goes out once it is released', async () => {
    await ledger.asOwner('truncate lease');
    const sent: number[] = [];
    const instance = await start({ senders: { find: async () => usable(PACE) } });
    const { send } = instance.provider;
    Object.assign(instance.provider, {
      send: async (...args: Parameters<typeof send>) => {
        sent.push(performance.now());
        return send(...args);
      },
    });
    const channelId = newId();
    const requests = [];
    for (let count = 0; count < 10; count += 1) requests.push(await ledger.accept({ channelId, messages: 100 }));
    await eventually(async () => expect(instance.provider.received.length).toBeGreaterThan(100));
    const hold = await place('CHANNEL', channelId);
    const placedAt = performance.now();
    // What is ready after the hold was placed is announced, visited and left.
    const late = await ledger.accept({ channelId, messages: 1 });
    await eventually(async () => {
      const open = await ledger.asOwner('select 1 from slice');
      expect(open).toEqual([]);
    });
    const stoppedAfterMs = Math.max(...sent) - placedAt;
    expect(stoppedAfterMs).toBeLessThan(STOPPED_WITHIN_MS);
    const before = instance.provider.received.length;
    expect(await ledger.states(late)).toEqual(['QUEUED']);
    await release(hold);
    await eventually(async () => expect(instance.provider.receipts().size).toBe(1_001), 20_000);
    expect(instance.provider.received.length).toBe(1_001);
    expect(before).toBeLessThan(1_001);
    expect(instance.errors).toEqual([]);
  });
});
