/* eslint-disable herald/sql-text -- names of roles and schemas cannot be parameters; SERVICE_FORM bounds them */
import { createHash } from 'node:crypto';
import type { Client } from 'pg';
import { onOneConnection } from './one-connection';
import { sql, type Tx } from './sql';

/** A step in the growth of a schema. Once released, neither its name nor its SQL changes. */
export interface Migration {
  /** Number and subject, as `0001-ledger`: the order and the name for ever. */
  name: string;
  up: string;
}

const LOCK_TIMEOUT_MS = 5_000;
const SERVICE_FORM = /^[a-z]+$/;

/**
 * Brings a service's schema up to date, each migration in a transaction of its own, as the owner. One advisory lock
 * on one connection makes several starts at once take turns; the later ones find nothing to do. Throws, with nothing
 * done, when a migration that was applied reads differently now, or the schema knows one that this version does not.
 */
export async function migrate(options: {
  adminUrl: string;
  service: string;
  migrations: readonly Migration[];
}): Promise<void> {
  const { adminUrl, service, migrations } = options;
  if (!SERVICE_FORM.test(service)) throw new Error('the name of a service has small letters only');
  await onOneConnection(adminUrl, async (client) => {
    await client.query(`set role herald_${service}`);
    await client.query(`set search_path = ${service}`);
    await client.query(`select pg_advisory_lock(hashtext('herald migrate ' || $1))`, [service]);
    await client.query(`set lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query(`create table if not exists migration (
        name text primary key, fingerprint text not null, applied_at timestamptz not null default clock_timestamp())`);
    const applied = await client.query<Applied>('select name, fingerprint from migration order by name');
    const open = notApplied(service, migrations, applied.rows);
    for (const migration of open) await apply(client, migration);
    await client.query(`grant select (name) on migration to herald_${service}_worker`);
  });
}

/**
 * Throws unless every migration that this version knows was applied. A schema that has more is a newer version's, which
 * leaves what an older one needs: so that replicas of both run side by side while one takes the other's place.
 */
export async function assertMigrated(tx: Tx, migrations: readonly Migration[]): Promise<void> {
  const applied = await sql<{ name: string }>(tx, 'select name from migration');
  const missing = migrations.filter(({ name }) => !applied.some((row) => row.name === name));
  if (missing.length === 0) return;
  const names = missing.map(({ name }) => name).join(', ');
  throw new Error(`The schema lacks ${names}. Run "npm run migrate" with this version before it is started.`);
}

interface Applied {
  name: string;
  fingerprint: string;
}

function notApplied(service: string, known: readonly Migration[], applied: readonly Applied[]): readonly Migration[] {
  applied.forEach(({ name, fingerprint }, index) => {
    const migration = known[index];
    if (migration?.name !== name) {
      throw new Error(
        `${service}: the schema has the migration ${name}, which this version does not know. Run a newer one.`,
      );
    }
    if (fingerprintOf(migration) !== fingerprint) {
      throw new Error(
        `${service}: the migration ${name} was applied with other SQL. Add a new migration instead of changing it.`,
      );
    }
  });
  return known.slice(applied.length);
}

/** When a step fails the connection is closed, and what the transaction did is gone with it. */
async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query('begin');
  await client.query(migration.up);
  await client.query('insert into migration (name, fingerprint) values ($1, $2)', [
    migration.name,
    fingerprintOf(migration),
  ]);
  await client.query('commit');
}

function fingerprintOf({ up }: Migration): string {
  return createHash('sha256').update(up).digest('hex');
}
