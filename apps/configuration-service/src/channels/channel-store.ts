import { notFound } from '@herald/errors';
import { execute, maybe, sql, type Page, type Tx } from '@herald/postgres';
import { nameKey } from '../reading';
import { refusingTaken } from '../unique';

/** A channel as it is stored: one sender of an account. */
export interface Channel {
  id: string;
  channelAccountId: string;
  displayName: string;
  channelType: 'SMS';
  sender: string;
  senderType: SenderType;
  /** 0 where the default of the sender's type holds. */
  segmentsPerSecond: number;
  state: 'UNPROVISIONED' | 'PROVISIONED' | 'DISABLED';
  validationError: string;
  createdAt: Date;
  updatedAt: Date;
}

/** The kinds of senders that SMS has. */
export type SenderType = 'LONG_CODE' | 'SHORT_CODE' | 'TOLL_FREE' | 'ALPHANUMERIC' | 'MESSAGING_SERVICE';

const COLUMNS = `id, channel_account_id as "channelAccountId", display_name as "displayName",
       channel_type as "channelType", sender, sender_type as "senderType", segments_per_second as "segmentsPerSecond",
       state, validation_error as "validationError", created_at as "createdAt", updated_at as "updatedAt"`;

const find = sql.prepared<Channel>('channel_find', `select ${COLUMNS} from channel where org_id = $1 and id = $2`);

/** The channel; throws CHANNEL_NOT_FOUND, also where it is another organisation's. */
export async function findChannel(tx: Tx, org: string, id: string): Promise<Channel> {
  return found(id, maybe(await find(tx, [org, id])));
}

/** The channel, held against other changes until the transaction ends. */
export async function lockChannel(tx: Tx, org: string, id: string): Promise<Channel> {
  return found(
    id,
    maybe(await sql<Channel>(tx, `select ${COLUMNS} from channel where org_id = $1 and id = $2 for update`, [org, id])),
  );
}

function found(id: string, channel: Channel | undefined): Channel {
  if (channel) return channel;
  throw notFound('CHANNEL_NOT_FOUND', 'channel', id);
}

/** A page of the organisation's channels, newest first, and one more if there is one. */
export function selectChannels(tx: Tx, org: string, page: Page): Promise<Channel[]> {
  return sql<Channel>(
    tx,
    `select ${COLUMNS} from channel
      where org_id = $1 and ($2::uuid is null or id < $2)
      order by id desc
      limit $3`,
    [org, page.after, page.size + 1],
  );
}

/** Stores a new channel. Throws CHANNEL_NAME_TAKEN, CHANNEL_ADDRESS_TAKEN. */
export async function insertChannel(tx: Tx, org: string, channel: Channel): Promise<void> {
  await refusingTaken(() =>
    execute(
      tx,
      `insert into channel
         (org_id, id, channel_account_id, display_name, name_key, channel_type, sender, sender_type,
          segments_per_second, state, created_at, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
      [
        ...[org, channel.id, channel.channelAccountId, channel.displayName, nameKey(channel.displayName)],
        ...[channel.channelType, channel.sender, channel.senderType, channel.segmentsPerSecond, channel.state],
        ...[channel.createdAt, channel.updatedAt],
      ],
    ),
  );
}

/** Writes what may change of a channel that the transaction holds. Throws CHANNEL_NAME_TAKEN. */
export async function updateChannelRow(tx: Tx, org: string, channel: Channel): Promise<void> {
  await refusingTaken(() =>
    execute(
      tx,
      `update channel
          set display_name = $3, name_key = $4, segments_per_second = $5, state = $6, validation_error = $7, updated_at = $8
        where org_id = $1 and id = $2`,
      [
        ...[org, channel.id, channel.displayName, nameKey(channel.displayName), channel.segmentsPerSecond],
        ...[channel.state, channel.validationError, channel.updatedAt],
      ],
    ),
  );
}
