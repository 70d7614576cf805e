import { partitionOf } from '@herald/bus';
import { newId } from '@herald/service';
import type { Tx } from '@herald/postgres';
import { testDatabase, type TestDatabase } from '@herald/testing';
import { insertBatch, insertRequest, insertSkipped, type NewBatch, type NewRequest } from '../src/accept/store';
import type { EventDeps } from '../src/events';
import { migrations } from '../src/migrations';
import { claim, type ClaimedSlice, type ClaimRequest } from '../src/claim/claim';

export const ORG = '0190a000-0000-7000-8000-000000000001';
export const OTHER_ORG = '0190a000-0000-7000-8000-000000000002';
export const SHARD = 3;

/**
 * Chance takes the longest wait, so that what a spec sees next is known. Organisations have the one shard of most specs;
 * a sender that is spread has one of the eight after it.
 */
export const deps: EventDeps = {
  newId,
  now: () => new Date(),
  chance: () => 1,
  shardOf: (key) => (key.includes('/') ? SHARD + 1 + partitionOf(key, 8) : SHARD),
};

/** What a spec may choose about the request it begins with. */
export interface RequestChoice {
  org?: string;
  messages?: number;
  skipped?: number;
  refused?: number;
  segments?: number;
  channelId?: string;
  channelAccountId?: string;
  readyAt?: Date;
  validForMs?: number;
  /** The shard that is wanted for its batch. */
  wantedShard?: number;
  deliveryGuarantee?: 'AT_MOST_ONCE' | 'AT_LEAST_ONCE';
  priority?: number;
  /** Its batch's place in a conversation. */
  sequence?: NonNullable<NewBatch['sequence']>;
}

/** A request in the ledger, and the ids that belong to it. */
export interface StoredRequest {
  org: string;
  id: string;
  batchId: string;
  channelId: string;
  channelAccountId: string;
  messageIds: string[];
}

/** A ledger of its own for one spec file, with the acts that specs begin with. */
export interface TestLedger extends TestDatabase {
  /** Stores a request as accepting does. */
  accept(choice?: RequestChoice): Promise<StoredRequest>;
  /** Holds the shard's lease, under a new epoch. */
  lease(owner?: string, shard?: number): Promise<string>;
  /** Claims a slice, and fails the spec where there is none. */
  claim(request: StoredRequest, epoch: string, segmentsPerSecond?: number): Promise<ClaimedSlice>;
  /** The states of a request's messages in the order of its contacts. */
  states(request: StoredRequest): Promise<string[]>;
  /** Forgets all requests, and what came of them. */
  clear(): Promise<void>;
}

/** A claim from the one batch of a request. */
export function claimOf(
  { org, channelId, batchId }: StoredRequest,
  epoch: string,
  changes: Partial<ClaimRequest> = {},
): ClaimRequest {
  const of = { shard: SHARD, epoch, org, channelId, batchIds: [batchId] };
  return { ...of, segmentsPerSecond: 1_000, messagesMax: 400, ...changes };
}

/** Makes a ledger, empty but for its schema. */
export async function testLedger(): Promise<TestLedger> {
  const test = await testDatabase({ service: 'dispatch', migrations });
  return {
    ...test,
    accept: (choice = {}) => accept(test, choice),
    lease: async (owner = 'spec', shard = SHARD) => {
      const [row] = await test.asOwner<{ epoch: string }>(
        `insert into lease (shard, owner, epoch, until) values (${shard}, '${owner}', 1, clock_timestamp() + interval '1 minute')
         on conflict (shard) do update set owner = '${owner}', epoch = lease.epoch + 1, until = excluded.until
         returning epoch`,
      );
      return row?.epoch ?? '';
    },
    claim: async (request, epoch, segmentsPerSecond = 1_000) => {
      const claimed = await test.database.worker((tx) =>
        claim(tx, deps, claimOf(request, epoch, { segmentsPerSecond })),
      );
      const slice = claimed.kind === 'visited' ? claimed.slices[0] : undefined;
      if (!slice) throw new Error(`nothing was claimed: ${JSON.stringify(claimed)}`);
      return slice;
    },
    states: async (request) => {
      const rows = await test.asOwner<{ state: string }>(
        `select state from message_state where outbound_request_id = '${request.id}' order by contact_index`,
      );
      return rows.map(({ state }) => state);
    },
    clear: async () => {
      await test.asOwner(
        `truncate outbound_request, batch, slice, message, message_body, message_step, provider_ref, sender, account_pace,
           account_hour, outbox, idempotency, hold`,
      );
    },
  };
}

const USUAL = {
  ...{ org: ORG, messages: 3, skipped: 0, refused: 0, segments: 1 },
  ...{ wantedShard: SHARD, validForMs: 3_600_000 },
  deliveryGuarantee: 'AT_MOST_ONCE',
} as const;

async function accept(test: TestDatabase, choice: RequestChoice): Promise<StoredRequest> {
  const { org, messages, skipped, refused, segments, wantedShard, validForMs, deliveryGuarantee } = {
    ...USUAL,
    ...choice,
  };
  const { channelId = newId(), channelAccountId = newId() } = choice;
  const now = new Date();
  const refusedByReason: Record<string, number> = refused > 0 ? { ADDRESS_INVALID: refused } : {};
  const request: NewRequest = {
    ...{ org, id: newId(), requestId: newId(), caller: 'spec', configurationId: newId(), templateId: newId() },
    ...{ templateVersion: 1, channelId, channelAccountId, channelType: 'SMS', showInTimeline: false },
    ...{
      deliveryGuarantee,
      purpose: 'TRANSACTIONAL',
      contacts: messages + skipped + refused,
      refusedByReason,
    },
    ...{ createdAt: now, expiresAt: new Date((choice.readyAt ?? now).getTime() + validForMs) },
  };
  const base = { clientReference: undefined };
  const accepted = Array.from({ length: messages }, (_, index) => ({
    ...{
      ...base,
      kind: 'accepted' as const,
      index,
      messageId: newId(),
      address: `+1425555${String(index).padStart(4, '0')}`,
    },
    ...{ language: 'en', body: `text ${index}`, segments, warnings: [] },
  }));
  const withheld = Array.from({ length: skipped }, (_, index) => ({
    ...{ ...base, kind: 'skipped' as const, index: messages + index, messageId: newId(), reason: 'OPTED_OUT' as const },
  }));
  const shards = { wantedShard, orgShard: SHARD };
  const { priority = 0, readyAt = now, sequence } = choice;
  const batch = { id: newId(), ...shards, priority, readyAt, traceparent: undefined, ...(sequence && { sequence }) };
  await test.database.transaction(org, async (tx: Tx) => {
    await insertRequest(tx, request);
    await insertSkipped(tx, request, withheld);
    if (accepted.length > 0) await insertBatch(tx, request, batch, accepted);
  });
  return {
    org,
    id: request.id,
    batchId: batch.id,
    channelId,
    channelAccountId,
    messageIds: accepted.map(({ messageId }) => messageId),
  };
}
