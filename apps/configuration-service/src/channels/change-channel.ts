import { CreateChannelResponse } from '@herald/contracts/configuration';
import { HeraldError, REASONS } from '@herald/errors';
import { answerOnce, type Act, type Repeatable, type Tx } from '@herald/postgres';
import { isDeepStrictEqual } from 'node:util';
import { findAccount } from '../accounts/account-store';
import { accessOf, refuseChanged, refuseStopped, refuseUnavailable } from '../accounts/validate-channel-account';
import { auditChannel } from '../audit';
import type { ConfigurationDeps } from '../deps';
import { announceChange } from '../events';
import { refuseImmutable, type Immutable } from '../reading';
import { openCredentials } from '../sealing/credential-store';
import { immutableOfChannel, writeChannel, type GivenChannel } from './channel-messages';
import { findChannel, insertChannel, lockChannel, updateChannelRow, type Channel } from './channel-store';

/** Creates a channel of an account, not provisioned: nothing is sent from it before the provider confirms the sender. */
export function createChannel(
  deps: ConfigurationDeps,
  act: Act,
  { key, requestHash, given }: Repeatable & { given: GivenChannel },
): Promise<Buffer> {
  const { org } = key;
  return answerOnce(deps.database, key, requestHash, async (tx) => {
    await findAccount(tx, org, given.channelAccountId);
    const createdAt = deps.now();
    const fresh = { state: 'UNPROVISIONED', validationError: '', createdAt, updatedAt: createdAt } as const;
    const channel: Channel = { ...given, id: deps.newId(), ...fresh };
    await insertChannel(tx, org, channel);
    await announceChange(tx, deps, { org, kind: 'CHANNEL', id: channel.id });
    await auditChannel(tx, act, { after: channel, requestId: key.requestId });
    return CreateChannelResponse.encode({ channel: writeChannel(channel) }).finish();
  });
}

/** New values of a channel; what is absent stays. What is given of fields that never change must be what is stored. */
export interface ChannelUpdate {
  id: string;
  change: Partial<Pick<Channel, 'displayName' | 'segmentsPerSecond'>>;
  immutable: Immutable;
}

/** Changes a channel's name or rate; the rate holds for the next slice that is claimed. */
export function updateChannel(
  deps: ConfigurationDeps,
  act: Act,
  { id, change, immutable }: ChannelUpdate,
): Promise<Channel> {
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockChannel(tx, org, id);
    refuseImmutable('channel', immutable, immutableOfChannel(writeChannel(stored)));
    return write(tx, deps, act, { stored, changed: { ...stored, ...change } });
  });
}

/** Stops everything that uses a channel, until somebody validates it again. Disabling it twice is harmless. */
export function disableChannel(deps: ConfigurationDeps, act: Act, id: string): Promise<Channel> {
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockChannel(tx, org, id);
    return write(tx, deps, act, { stored, changed: { ...stored, state: 'DISABLED' } });
  });
}

/**
 * Asks the provider whether the account owns the sender, and moves the channel to PROVISIONED or back; a disabled one
 * comes back by it. Throws CHANNEL_ACCOUNT_NOT_VALID or CHANNEL_ACCOUNT_DISABLED where the account itself cannot be
 * used, REVISION_STALE where the account was rotated or moved, or the channel disabled, meanwhile, PROVIDER_UNAVAILABLE when
 * nobody answers.
 */
export async function validateChannel(
  deps: ConfigurationDeps,
  act: Act & { signal: AbortSignal },
  id: string,
): Promise<Channel> {
  const { org, signal } = act;
  const {
    asked,
    access,
    account: askedBy,
  } = await deps.database.read(org, async (tx) => {
    const channel = await findChannel(tx, org, id);
    const account = await findAccount(tx, org, channel.channelAccountId);
    if (account.state === 'DISABLED') throw refused('CHANNEL_ACCOUNT_DISABLED', account.id);
    if (account.state !== 'VALID') throw refused('CHANNEL_ACCOUNT_NOT_VALID', account.id);
    const key = { org, channelAccountId: account.id, version: account.credentialVersion };
    const credentials = await openCredentials(tx, deps.sealer, key);
    return { asked: channel, access: accessOf(account, credentials), account };
  });
  const validation = refuseUnavailable(await deps.provider.validateSender(asked.sender, access, signal));
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockChannel(tx, org, id);
    const account = await findAccount(tx, org, stored.channelAccountId);
    refuseChanged(askedBy, account);
    refuseStopped(asked, stored);
    const isValid = validation.kind === 'valid';
    const validationError = isValid ? '' : `The provider does not let the account send from it (${validation.code}).`;
    const changed = { ...stored, state: isValid ? 'PROVISIONED' : 'UNPROVISIONED', validationError } as const;
    return write(tx, deps, act, { stored, changed });
  });
}

function refused(reason: 'CHANNEL_ACCOUNT_DISABLED' | 'CHANNEL_ACCOUNT_NOT_VALID', id: string): HeraldError {
  const description = REASONS[reason].text;
  return new HeraldError(reason, description, {
    metadata: { channelAccountId: id },
    preconditions: [{ type: reason, subject: `channelAccount/${id}`, description }],
  });
}

async function write(
  tx: Tx,
  deps: ConfigurationDeps,
  act: Act,
  { stored, changed }: { stored: Channel; changed: Channel },
): Promise<Channel> {
  if (isDeepStrictEqual(changed, stored)) return stored;
  const channel = { ...changed, updatedAt: deps.now() };
  await updateChannelRow(tx, act.org, channel);
  await announceChange(tx, deps, { org: act.org, kind: 'CHANNEL', id: channel.id });
  await auditChannel(tx, act, { before: stored, after: channel });
  return channel;
}
