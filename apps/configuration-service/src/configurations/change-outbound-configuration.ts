import { HeraldError, REASONS } from '@herald/errors';
import type { Act, Tx } from '@herald/postgres';
import { isDeepStrictEqual } from 'node:util';
import { auditConfiguration } from '../audit';
import type { ConfigurationDeps } from '../deps';
import { announceChange } from '../events';
import { refuseImmutable, type Immutable } from '../reading';
import type { TemplateStanding } from './blockers';
import { immutableOfConfiguration, writeConfiguration, type GivenConfiguration } from './configuration-messages';
import { findConfiguration, lockConfiguration, updateConfiguration, type Configuration } from './configuration-store';
import { refuseUnusable } from './create-outbound-configuration';
import { templateStanding } from './template-standing';

/** New values of a configuration; what is absent stays. What is given of fields that never change must be what is stored. */
export interface ConfigurationUpdate {
  id: string;
  change: Partial<GivenConfiguration>;
  immutable: Immutable;
}

/** Changes a configuration; its id stays. Another channel or template is checked as at its creation. */
export async function updateOutboundConfiguration(
  deps: ConfigurationDeps,
  act: Act & { signal: AbortSignal },
  { id, change, immutable }: ConfigurationUpdate,
): Promise<Configuration> {
  const { org, signal } = act;
  const isMoved = change.channelId !== undefined || change.templateId !== undefined;
  const asked = isMoved ? await askTemplate(deps, { org, id, templateId: change.templateId }, signal) : undefined;
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockConfiguration(tx, org, id);
    refuseImmutable('outbound_configuration', immutable, immutableOfConfiguration(writeConfiguration(stored)));
    const changed = { ...stored, ...change };
    if (asked) await refuseUnusableBy(tx, org, changed, asked);
    return write(tx, deps, act, { stored, changed });
  });
}

/** Lets requests use a configuration again, or no more. To activate it, what it stands on must be usable. */
export async function setConfigurationState(
  deps: ConfigurationDeps,
  act: Act & { signal: AbortSignal },
  { id, state }: { id: string; state: Configuration['state'] },
): Promise<Configuration> {
  const { org, signal } = act;
  const asked = state === 'ACTIVE' ? await askTemplate(deps, { org, id }, signal) : undefined;
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockConfiguration(tx, org, id);
    if (asked) await refuseUnusableBy(tx, org, stored, asked);
    return write(tx, deps, act, { stored, changed: { ...stored, state } });
  });
}

/** Where a template stood when template-service was asked about it. */
interface AskedTemplate {
  templateId: string;
  standing: TemplateStanding;
}

/** Asks about a configuration's own template, or about the one it is to get; outside of any transaction. */
async function askTemplate(
  deps: ConfigurationDeps,
  { org, id, templateId }: { org: string; id: string; templateId?: string | undefined },
  signal: AbortSignal,
): Promise<AskedTemplate> {
  const before = await deps.database.read(org, (tx) => findConfiguration(tx, org, id));
  const about = templateId ?? before.templateId;
  return { templateId: about, standing: await templateStanding(deps, { org, templateId: about }, signal) };
}

/** Throws what keeps a configuration from being sent with, or REVISION_STALE where the answer is about another template. */
async function refuseUnusableBy(
  tx: Tx,
  org: string,
  configuration: Configuration,
  { templateId, standing }: AskedTemplate,
): Promise<void> {
  if (templateId !== configuration.templateId) throw new HeraldError('REVISION_STALE', REASONS.REVISION_STALE.text);
  await refuseUnusable(tx, org, configuration, standing);
}

async function write(
  tx: Tx,
  deps: ConfigurationDeps,
  act: Act,
  { stored, changed }: { stored: Configuration; changed: Configuration },
): Promise<Configuration> {
  if (isDeepStrictEqual(changed, stored)) return stored;
  const configuration = { ...changed, updatedAt: deps.now() };
  await updateConfiguration(tx, act.org, configuration);
  await announceChange(tx, deps, { org: act.org, kind: 'OUTBOUND_CONFIGURATION', id: configuration.id });
  await auditConfiguration(tx, act, { before: stored, after: configuration });
  return configuration;
}
