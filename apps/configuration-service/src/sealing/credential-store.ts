import { Credentials } from '@herald/contracts/configuration';
import { HeraldError, REASONS } from '@herald/errors';
import { execute, maybe, sql, type Tx } from '@herald/postgres';
import type { Sealer } from './sealer';

/** How long credentials that were rotated out still verify webhooks: what the provider signed before takes its time. */
const VERIFIES_FOR_HOURS = 24;
/** Each webhook may be tried against all that verify, so that there are not more, however often somebody rotates. */
const VERSIONS_MAX = 5;

/** Which credentials of which account. */
export interface CredentialKey {
  org: string;
  channelAccountId: string;
  version: number;
}

/** Seals and stores the credentials of an account's new version; the four before go on verifying for a day at most. */
export async function putCredentials(
  tx: Tx,
  { sealer, now }: { sealer: Sealer; now(): Date },
  { key, credentials }: { key: CredentialKey; credentials: Credentials },
): Promise<void> {
  const wrapped = await dataKey(tx, { sealer, now }, key.org);
  const sealed = sealer.seal(wrapped, key, Credentials.encode(credentials).finish());
  await execute(
    tx,
    `update credential
        set verifies_until = coalesce(verifies_until, $3::timestamptz + make_interval(hours => $4))
      where org_id = $1 and channel_account_id = $2`,
    [key.org, key.channelAccountId, now(), VERIFIES_FOR_HOURS],
  );
  await execute(
    tx,
    `delete from credential
      where org_id = $1 and channel_account_id = $2 and (verifies_until <= $3 or version <= $4)`,
    [key.org, key.channelAccountId, now(), key.version - VERSIONS_MAX],
  );
  await execute(
    tx,
    `insert into credential (org_id, channel_account_id, version, sealed, created_at) values ($1, $2, $3, $4, $5)`,
    [key.org, key.channelAccountId, key.version, sealed, now()],
  );
}

/** The credentials an account sends with now. Throws CREDENTIALS_NOT_FOUND. */
export async function openCredentials(tx: Tx, sealer: Sealer, key: CredentialKey): Promise<Credentials> {
  const [present] = await openAll(tx, sealer, key, null);
  if (present) return present;
  throw new HeraldError('CREDENTIALS_NOT_FOUND', REASONS.CREDENTIALS_NOT_FOUND.text, {
    metadata: { channelAccountId: key.channelAccountId },
  });
}

/** The credentials that may have signed a webhook: the present ones first, then those rotated out within a day. */
export function openVerifying(tx: Tx, sealer: Sealer, key: CredentialKey, now: Date): Promise<Credentials[]> {
  return openAll(tx, sealer, key, now);
}

async function openAll(
  tx: Tx,
  sealer: Sealer,
  { org, channelAccountId }: CredentialKey,
  retiredAfter: Date | null,
): Promise<Credentials[]> {
  const rows = await sql<{ version: number; sealed: Buffer; wrapped: Buffer }>(
    tx,
    `select c.version, c.sealed, k.wrapped
       from credential c
       join data_key k on k.org_id = c.org_id
      where c.org_id = $1 and c.channel_account_id = $2 and (c.verifies_until is null or c.verifies_until > $3)
      order by c.version desc`,
    [org, channelAccountId, retiredAfter],
  );
  return rows.map(({ version, sealed, wrapped }) =>
    Credentials.decode(sealer.open(wrapped, { org, channelAccountId, version }, sealed)),
  );
}

/** The organisation's data key, made at its first secret. */
async function dataKey(tx: Tx, { sealer, now }: { sealer: Sealer; now(): Date }, org: string): Promise<Buffer> {
  await execute(
    tx,
    'insert into data_key (org_id, wrapped, created_at) values ($1, $2, $3) on conflict (org_id) do nothing',
    [org, sealer.newKey(org), now()],
  );
  const found = maybe(await sql<{ wrapped: Buffer }>(tx, 'select wrapped from data_key where org_id = $1', [org]));
  if (!found) throw new Error('an organisation has no data key after it was made');
  return found.wrapped;
}
