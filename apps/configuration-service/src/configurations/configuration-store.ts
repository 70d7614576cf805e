import { notFound } from '@herald/errors';
import { execute, maybe, sql, type Page, type Tx } from '@herald/postgres';
import { nameKey } from '../reading';
import { refusingTaken } from '../unique';

/** An outbound configuration as it is stored. */
export interface Configuration {
  id: string;
  name: string;
  showInTimeline: boolean;
  channelType: 'SMS';
  channelId: string;
  templateId: string;
  state: 'ACTIVE' | 'INACTIVE';
  deliveryGuarantee: 'AT_MOST_ONCE' | 'AT_LEAST_ONCE';
  purpose: 'TRANSACTIONAL' | 'MARKETING';
  /** Null where the default of ten hours holds. */
  validForMs: number | null;
  conversationCreation: 'ON_REPLY' | 'ON_SEND';
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = `id, name, show_in_timeline as "showInTimeline", channel_type as "channelType",
       channel_id as "channelId", template_id as "templateId", state, delivery_guarantee as "deliveryGuarantee", purpose,
       valid_for_ms::float8 as "validForMs", conversation_creation as "conversationCreation",
       created_at as "createdAt", updated_at as "updatedAt"`;

const find = sql.prepared<Configuration>(
  'outbound_configuration_find',
  `select ${COLUMNS} from outbound_configuration where org_id = $1 and id = $2`,
);

/** The configuration; throws CONFIGURATION_NOT_FOUND, also where it is another organisation's. */
export async function findConfiguration(tx: Tx, org: string, id: string): Promise<Configuration> {
  return found(id, maybe(await find(tx, [org, id])));
}

/** The configuration, held against other changes until the transaction ends. */
export async function lockConfiguration(tx: Tx, org: string, id: string): Promise<Configuration> {
  const text = `select ${COLUMNS} from outbound_configuration where org_id = $1 and id = $2 for update`;
  return found(id, maybe(await sql<Configuration>(tx, text, [org, id])));
}

function found(id: string, configuration: Configuration | undefined): Configuration {
  if (configuration) return configuration;
  throw notFound('CONFIGURATION_NOT_FOUND', 'outboundConfiguration', id);
}

/** A page of the organisation's configurations, newest first, and one more if there is one. */
export function selectConfigurations(tx: Tx, org: string, page: Page): Promise<Configuration[]> {
  return sql<Configuration>(
    tx,
    `select ${COLUMNS} from outbound_configuration
      where org_id = $1 and ($2::uuid is null or id < $2)
      order by id desc
      limit $3`,
    [org, page.after, page.size + 1],
  );
}

/** Stores a new configuration. Throws CONFIGURATION_NAME_TAKEN. */
export async function insertConfiguration(tx: Tx, org: string, configuration: Configuration): Promise<void> {
  const { id, name, channelType, createdAt } = configuration;
  await refusingTaken(() =>
    execute(
      tx,
      `insert into outbound_configuration
         (org_id, id, name, name_key, show_in_timeline, channel_id, template_id, state, delivery_guarantee, purpose,
          valid_for_ms, conversation_creation, updated_at, channel_type, created_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
      [org, id, name, nameKey(name), ...changeable(configuration), channelType, createdAt],
    ),
  );
}

/** Writes what may change of a configuration that the transaction holds. Throws CONFIGURATION_NAME_TAKEN. */
export async function updateConfiguration(tx: Tx, org: string, configuration: Configuration): Promise<void> {
  const { id, name } = configuration;
  await refusingTaken(() =>
    execute(
      tx,
      `update outbound_configuration
          set name = $3, name_key = $4, show_in_timeline = $5, channel_id = $6, template_id = $7, state = $8,
              delivery_guarantee = $9, purpose = $10, valid_for_ms = $11, conversation_creation = $12, updated_at = $13
        where org_id = $1 and id = $2`,
      [org, id, name, nameKey(name), ...changeable(configuration)],
    ),
  );
}

function changeable(configuration: Configuration): unknown[] {
  const { showInTimeline, channelId, templateId, state, deliveryGuarantee, purpose, validForMs } = configuration;
  const { conversationCreation, updatedAt } = configuration;
  return [
    showInTimeline,
    channelId,
    templateId,
    state,
    deliveryGuarantee,
    purpose,
    validForMs,
    conversationCreation,
    updatedAt,
  ];
}
