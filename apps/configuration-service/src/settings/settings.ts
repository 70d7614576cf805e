import { OrganizationSettings as WireSettings } from '@herald/contracts/configuration';
import { HeraldError, REASONS } from '@herald/errors';
import { appendAudit, execute, maybe, sql, type Act, type Tx } from '@herald/postgres';
import { isDeepStrictEqual } from 'node:util';
import type { ConfigurationDeps } from '../deps';
import { announceChange } from '../events';
import type { Violations } from '../reading';

/** What holds for everything an organisation sends. */
export interface Settings {
  contactsPerRequestMax: number;
  requestsPerHourMax: number;
  strict2020: boolean;
  /** Whether each sender has a shard of its own. */
  spreadSenders: boolean;
  /** 0 while they are the defaults. */
  revision: number;
  updatedAt: Date | undefined;
}

/** An organisation has these from its first valid token on. The two limits are the documented ones. */
const DEFAULTS: Settings = {
  contactsPerRequestMax: 100,
  requestsPerHourMax: 30_000,
  strict2020: false,
  spreadSenders: false,
  revision: 0,
  updatedAt: undefined,
};

/** A request holds no more contacts than fit the largest message a server reads. */
const CONTACTS_PER_REQUEST_MAX = 1_000;
const REQUESTS_PER_HOUR_MAX = 1_000_000;

/** New settings; what is absent stays. */
export type SettingsChange = Partial<
  Pick<Settings, 'contactsPerRequestMax' | 'requestsPerHourMax' | 'strict2020' | 'spreadSenders'>
>;

/** The organisation's settings, or the defaults. */
export async function readSettings(tx: Tx, org: string): Promise<Settings> {
  const stored = maybe(
    await sql<Settings>(
      tx,
      `select contacts_per_request_max as "contactsPerRequestMax", requests_per_hour_max as "requestsPerHourMax",
              strict_2020 as "strict2020", spread_senders as "spreadSenders", revision, updated_at as "updatedAt"
         from organization_setting
        where org_id = $1`,
      [org],
    ),
  );
  return stored ?? DEFAULTS;
}

/** Reads new settings; faults are added to the violations. */
export function checkSettings(
  violations: Violations,
  { contactsPerRequestMax, requestsPerHourMax }: SettingsChange,
): void {
  const bounded = (field: string, value: number | undefined, max: number) => {
    if (value !== undefined && (value < 1 || value > max)) {
      violations.add(`settings.${field}`, 'FIELD_OUT_OF_RANGE', `must be from 1 to ${max}`);
    }
  };
  bounded('contacts_per_request_max', contactsPerRequestMax, CONTACTS_PER_REQUEST_MAX);
  bounded('requests_per_hour_max', requestsPerHourMax, REQUESTS_PER_HOUR_MAX);
}

/**
 * Changes the settings; what changes nothing is not counted. Throws SETTINGS_LIMIT_NOT_ALLOWED where, without the right
 * to, a limit is raised above its default, or senders are spread or no longer spread: that moves load between replicas.
 */
export function updateOrganizationSettings(
  deps: ConfigurationDeps,
  act: Act,
  { change, isOperator }: { change: SettingsChange; isOperator: boolean },
): Promise<Settings> {
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    // Two updates at once take turns here; before the first there is no row of settings to lock.
    await sql(tx, 'select pg_advisory_xact_lock(hashtextextended($1, 0))', [`organization_setting ${org}`]);
    const before = await readSettings(tx, org);
    const changed = { ...before, ...change };
    if (isDeepStrictEqual(changed, before)) return before;
    const settings: Settings = { ...changed, revision: before.revision + 1, updatedAt: deps.now() };
    if (!isOperator) refuseOperatorsChange(settings, before);
    await writeRow(tx, org, settings);
    await announceChange(tx, deps, { org, kind: 'ORGANIZATION_SETTINGS', id: org });
    const [shownBefore, after] = [before, settings].map((one) => WireSettings.toJSON(writeSettings(one)));
    await appendAudit(tx, act, { subject: { kind: 'organizationSettings', id: org }, before: shownBefore, after });
    return settings;
  });
}

function refuseOperatorsChange(settings: Settings, before: Settings): void {
  const isRaised = (['contactsPerRequestMax', 'requestsPerHourMax'] as const).some(
    (limit) => settings[limit] > Math.max(DEFAULTS[limit], before[limit]),
  );
  if (isRaised || settings.spreadSenders !== before.spreadSenders)
    throw new HeraldError('SETTINGS_LIMIT_NOT_ALLOWED', REASONS.SETTINGS_LIMIT_NOT_ALLOWED.text);
}

async function writeRow(tx: Tx, org: string, settings: Settings): Promise<void> {
  await execute(
    tx,
    `insert into organization_setting
       (org_id, contacts_per_request_max, requests_per_hour_max, strict_2020, revision, updated_at, spread_senders)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (org_id) do update
        set contacts_per_request_max = $2, requests_per_hour_max = $3, strict_2020 = $4, revision = $5, updated_at = $6,
            spread_senders = $7`,
    [
      org,
      settings.contactsPerRequestMax,
      settings.requestsPerHourMax,
      settings.strict2020,
      settings.revision,
      settings.updatedAt,
      settings.spreadSenders,
    ],
  );
}

/** Writes settings. */
export function writeSettings({ updatedAt, ...settings }: Settings): WireSettings {
  return { ...settings, updateTime: updatedAt };
}
