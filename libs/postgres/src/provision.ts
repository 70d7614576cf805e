/* eslint-disable herald/sql-text -- names of roles and schemas cannot be parameters; SERVICE_FORM bounds them */
import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import { onOneConnection } from './one-connection';

/** Roles belong to the whole server: several starts, or several databases of tests, may be making the same at once. */
const ATTEMPTS_MAX = 20;
const RETRY_PAUSE_MS = 50;
const SERVICE_FORM = /^[a-z]+$/;

/**
 * Makes a service's schema and its three roles: the owner, for migrations; `_app`, whom row-level security binds to
 * one organisation; `_worker`. None can log in: the role of the connection string takes them on. It may be run again,
 * and at once with others. The connection string's role must be able to make roles.
 */
export async function provision({ adminUrl, service }: { adminUrl: string; service: string }): Promise<void> {
  if (!SERVICE_FORM.test(service)) throw new Error('the name of a service has small letters only');
  await onOneConnection(adminUrl, async (client) => {
    for (const suffix of ['', '_app', '_worker'])
      await insistently(() => makeRole(client, `herald_${service}${suffix}`));
    await insistently(() => client.query(`create schema if not exists ${service} authorization herald_${service}`));
    await insistently(() =>
      client.query(`grant usage on schema ${service} to herald_${service}_app, herald_${service}_worker`),
    );
  });
}

async function makeRole(client: Client, role: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [role]);
  if (rowCount === 0) await client.query(`create role ${role} nologin noinherit`);
  const { rows } = await client.query<{ member: boolean }>(`select pg_has_role(current_user, $1, 'set') as member`, [
    role,
  ]);
  if (rows[0]?.member !== true) await client.query(`grant ${role} to current_user`);
}

/** Where another makes the same at this moment a step fails, `if not exists` or not; once it is there it goes through. */
async function insistently(step: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await step();
      return;
    } catch (error) {
      if (tries === ATTEMPTS_MAX) throw error;
      await pause(RETRY_PAUSE_MS);
    }
  }
}
