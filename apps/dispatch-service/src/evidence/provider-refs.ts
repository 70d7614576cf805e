import { bareArray, sql, type Tx } from '@herald/postgres';
import type { MessageEvidence } from './evidence-store';
import { reasonOf } from './reason-of';

/** A provider's id of a message, and which message and attempt it is. */
export interface ProviderId {
  org: string;
  channelAccountId: string;
  providerId: string;
  messageId: string;
  attempt: number;
}

/** What a provider says about an id of its own. */
export interface WordAboutProviderId {
  org: string;
  channelAccountId: string;
  providerId: string;
  rank: number;
  providerCode: string | null;
}

/**
 * Remembers which message a provider's id stands for, and returns what the provider said about the id before we knew
 * it: a callback may come before the answer to the send.
 */
export async function joinProviderIds(tx: Tx, ids: readonly ProviderId[]): Promise<MessageEvidence[]> {
  if (ids.length === 0) return [];
  const sorted = distinct(ids);
  const rows = await putIds(tx, [
    bareArray(sorted.map(({ org }) => org)),
    bareArray(sorted.map(({ channelAccountId }) => channelAccountId)),
    sorted.map(({ providerId }) => providerId),
    bareArray(sorted.map(({ messageId }) => messageId)),
    bareArray(sorted.map(({ attempt }) => attempt)),
  ]);
  return rows.map(asEvidence);
}

/** Remembers what a provider says about ids of its own, and returns it as evidence where the message is known already. */
export async function noteWords(tx: Tx, words: readonly WordAboutProviderId[]): Promise<MessageEvidence[]> {
  if (words.length === 0) return [];
  const sorted = distinct(words);
  const rows = await putWords(tx, [
    sorted.map(({ org }) => org),
    sorted.map(({ channelAccountId }) => channelAccountId),
    sorted.map(({ providerId }) => providerId),
    sorted.map(({ rank }) => rank),
    sorted.map(({ providerCode }) => providerCode),
  ]);
  return rows.map(asEvidence);
}

/** One row per id, the highest word of several, in the order in which everybody locks. */
function distinct<Row extends { org: string; channelAccountId: string; providerId: string; rank?: number }>(
  rows: readonly Row[],
): Row[] {
  const byKey = new Map<string, Row>();
  for (const row of rows) {
    const key = `${row.org}/${row.channelAccountId}/${row.providerId}`;
    const known = byKey.get(key);
    if (!known || (row.rank ?? 0) > (known.rank ?? 0)) byKey.set(key, row);
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

interface JoinedRow {
  org: string;
  messageId: string;
  attempt: number;
  rank: number;
  providerCode: string | null;
  providerId: string;
}

function asEvidence(row: JoinedRow): MessageEvidence {
  return { ...row, reason: reasonOf(row.rank, row.providerCode), source: 'CALLBACK' };
}

// Both statements return a row only where id and word have met; the message of an id never changes once it is known.
const putIds = sql.prepared<JoinedRow>(
  'provider_ref_put_id',
  `with put as (
     insert into provider_ref as ref (org_id, channel_account_id, provider_id, message_id, attempt, created_at)
     select o.org_id, o.channel_account_id, o.provider_id, o.message_id, o.attempt, ledger_now()
       from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::smallint[])
            as o (org_id, channel_account_id, provider_id, message_id, attempt)
     on conflict (org_id, channel_account_id, provider_id) do update
        set message_id = coalesce(ref.message_id, excluded.message_id), attempt = coalesce(ref.attempt, excluded.attempt)
     returning org_id, message_id, attempt, rank, provider_code, provider_id)
   select org_id as org, message_id as "messageId", attempt, rank, provider_code as "providerCode",
          provider_id as "providerId"
     from put
    where message_id is not null and rank is not null`,
);

const putWords = sql.prepared<JoinedRow>(
  'provider_ref_put_word',
  `with put as (
     insert into provider_ref as ref (org_id, channel_account_id, provider_id, rank, provider_code, created_at)
     select o.org_id, o.channel_account_id, o.provider_id, o.rank, o.provider_code, ledger_now()
       from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[])
            as o (org_id, channel_account_id, provider_id, rank, provider_code)
     on conflict (org_id, channel_account_id, provider_id) do update
        set provider_code = case when excluded.rank > coalesce(ref.rank, 0) then excluded.provider_code else ref.provider_code end,
            rank = greatest(ref.rank, excluded.rank)
     returning org_id, message_id, attempt, rank, provider_code, provider_id)
   select org_id as org, message_id as "messageId", attempt, rank, provider_code as "providerCode",
          provider_id as "providerId"
     from put
    where message_id is not null and rank is not null`,
);
