import { maybe, single, sql, type Tx } from '@herald/postgres';

/** What can be held: a request, a configuration, a channel, or all of an organisation. */
export type HoldKind = 'REQUEST' | 'OUTBOUND_CONFIGURATION' | 'CHANNEL' | 'ORGANIZATION';

/** What a hold stands on. The subject of an organisation's hold is the organisation itself. */
export interface HoldSubject {
  kind: HoldKind;
  subjectId: string;
}

/** A hold as it is stored; it is in force until it was released. */
export interface StoredHold extends HoldSubject {
  id: string;
  note: string;
  createdBy: string;
  createdAt: Date;
  releasedAt: Date | null;
}

/** A hold that is to be placed. */
export interface NewHold extends HoldSubject {
  org: string;
  id: string;
  note: string;
  createdBy: string;
}

/**
 * Whether a hold in force stands on the row `batch`: on its request, its configuration, its channel or its organisation.
 * Ids are unique over all of these, so that it is one look-up.
 */
export const BATCH_IS_HELD = `exists (
  select 1 from hold
   where hold.org_id = batch.org_id and hold.released_at is null
     and hold.subject_id in (batch.outbound_request_id, batch.configuration_id, batch.channel_id, batch.org_id))`;

const COLUMNS = `id, kind, subject_id as "subjectId", note, created_by as "createdBy", created_at as "createdAt",
       released_at as "releasedAt"`;

/** Stores a hold; undefined where one stands on the subject already. */
export async function insertHold(tx: Tx, hold: NewHold): Promise<StoredHold | undefined> {
  const { org, id, kind, subjectId, note, createdBy } = hold;
  const rows = await sql<StoredHold>(
    tx,
    `insert into hold (org_id, id, kind, subject_id, note, created_by, created_at)
     values ($1, $2, $3, $4, $5, $6, ledger_now())
     on conflict (org_id, subject_id) where released_at is null do nothing
     returning ${COLUMNS}`,
    [org, id, kind, subjectId, note, createdBy],
  );
  return maybe(rows);
}

/** The hold that stands on a subject; it cannot be released by another until the transaction ends. */
export async function findHold(tx: Tx, org: string, subjectId: string): Promise<StoredHold | undefined> {
  const rows = await sql<StoredHold>(
    tx,
    `select ${COLUMNS} from hold where org_id = $1 and subject_id = $2 and released_at is null for update`,
    [org, subjectId],
  );
  return maybe(rows);
}

/** Reads a hold, in force or not, and keeps it from being released by another until the transaction ends. */
export async function lockHold(tx: Tx, org: string, id: string): Promise<StoredHold | undefined> {
  const rows = await sql<StoredHold>(tx, `select ${COLUMNS} from hold where org_id = $1 and id = $2 for update`, [
    org,
    id,
  ]);
  return maybe(rows);
}

/** Ends a hold, which the transaction has locked and found in force. */
export async function markReleased(tx: Tx, org: string, id: string): Promise<StoredHold> {
  const rows = await sql<StoredHold>(
    tx,
    `update hold set released_at = ledger_now() where org_id = $1 and id = $2 and released_at is null
     returning ${COLUMNS}`,
    [org, id],
  );
  return single(rows);
}

/** The holds in force that are older than one of them, newest first; without it from the newest on. */
export function readHolds(
  tx: Tx,
  org: string,
  { after, limit }: { after: string | null; limit: number },
): Promise<StoredHold[]> {
  return sql<StoredHold>(
    tx,
    `select ${COLUMNS}
       from hold
      where org_id = $1 and released_at is null and ($2::uuid is null or id < $2)
      order by id desc
      limit $3`,
    [org, after, limit],
  );
}
