import { notFound } from '@herald/errors';
import { execute, maybe, sql, type Page, type Tx } from '@herald/postgres';
import { nameKey } from '../reading';
import { refusingTaken } from '../unique';

/** An account as it is stored; its credentials stand elsewhere. */
export interface Account {
  id: string;
  displayName: string;
  provider: 'TWILIO';
  providerAccountId: string;
  apiBaseUrl: string;
  state: 'UNVALIDATED' | 'VALID' | 'INVALID' | 'DISABLED';
  validationError: string;
  validatedAt: Date | null;
  /** The part of its webhook paths that nobody can guess. */
  pathSegment: string;
  credentialVersion: number;
  /** What all its senders may send together; 0 is no limit. */
  segmentsPerSecond: number;
  messagesPerDay: number;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `id, display_name as "displayName", provider, provider_account_id as "providerAccountId",
       api_base_url as "apiBaseUrl", state, validation_error as "validationError", validated_at as "validatedAt",
       path_segment as "pathSegment", credential_version as "credentialVersion", created_at as "createdAt",
       updated_at as "updatedAt", segments_per_second as "segmentsPerSecond", messages_per_day as "messagesPerDay"`;

/** The account; throws CHANNEL_ACCOUNT_NOT_FOUND, also where it is another organisation's. */
export async function findAccount(tx: Tx, org: string, id: string): Promise<Account> {
  return found(id, maybe(await find(tx, [org, id])));
}

/** The account, held against other changes until the transaction ends. */
export async function lockAccount(tx: Tx, org: string, id: string): Promise<Account> {
  return found(
    id,
    maybe(
      await sql<Account>(tx, `select ${COLUMNS} from channel_account where org_id = $1 and id = $2 for update`, [
        org,
        id,
      ]),
    ),
  );
}

const find = sql.prepared<Account>(
  'channel_account_find',
  `select ${COLUMNS} from channel_account where org_id = $1 and id = $2`,
);

function found(id: string, account: Account | undefined): Account {
  if (account) return account;
  throw notFound('CHANNEL_ACCOUNT_NOT_FOUND', 'channelAccount', id);
}

/** A page of the organisation's accounts, newest first, and one more if there is one. */
export function selectAccounts(tx: Tx, org: string, page: Page): Promise<Account[]> {
  return sql<Account>(
    tx,
    `select ${COLUMNS} from channel_account
      where org_id = $1 and ($2::uuid is null or id < $2)
      order by id desc
      limit $3`,
    [org, page.after, page.size + 1],
  );
}

/** Stores a new account and the path that leads to it. Throws CHANNEL_ACCOUNT_NAME_TAKEN. */
export async function insertAccount(tx: Tx, org: string, account: Account): Promise<void> {
  await refusingTaken(() =>
    execute(
      tx,
      `insert into channel_account
         (org_id, id, display_name, name_key, provider, provider_account_id, api_base_url, state, path_segment,
          credential_version, created_at, updated_at, segments_per_second, messages_per_day)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
      [
        ...[org, account.id, account.displayName, nameKey(account.displayName), account.provider],
        ...[account.providerAccountId, account.apiBaseUrl, account.state, account.pathSegment],
        ...[account.credentialVersion, account.createdAt, account.updatedAt],
        ...[account.segmentsPerSecond, account.messagesPerDay],
      ],
    ),
  );
  await execute(tx, 'insert into account_path (segment, org_id, channel_account_id) values ($1, $2, $3)', [
    account.pathSegment,
    org,
    account.id,
  ]);
}

/** Writes what may change of an account that the transaction holds. Throws CHANNEL_ACCOUNT_NAME_TAKEN. */
export async function updateAccount(tx: Tx, org: string, account: Account): Promise<void> {
  await refusingTaken(() =>
    execute(
      tx,
      `update channel_account
          set display_name = $3, name_key = $4, api_base_url = $5, state = $6, validation_error = $7, validated_at = $8,
              credential_version = $9, updated_at = $10, segments_per_second = $11, messages_per_day = $12
        where org_id = $1 and id = $2`,
      [
        ...[org, account.id, account.displayName, nameKey(account.displayName), account.apiBaseUrl, account.state],
        ...[account.validationError, account.validatedAt, account.credentialVersion, account.updatedAt],
        ...[account.segmentsPerSecond, account.messagesPerDay],
      ],
    ),
  );
}

/** Whose account a webhook's path leads to. */
export async function findByPath(tx: Tx, segment: string): Promise<{ org: string; id: string } | undefined> {
  return maybe(await findPath(tx, [segment]));
}

const findPath = sql.prepared<{ org: string; id: string }>(
  'account_path_find',
  'select org_id as org, channel_account_id as id from account_path where segment = $1',
);
