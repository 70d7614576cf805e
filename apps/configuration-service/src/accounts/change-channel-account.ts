import { RotateChannelAccountCredentialsResponse, type Credentials } from '@herald/contracts/configuration';
import { answerOnce, type Act, type Repeatable, type Tx } from '@herald/postgres';
import { isDeepStrictEqual } from 'node:util';
import { auditAccount } from '../audit';
import type { ConfigurationDeps } from '../deps';
import { announceChange } from '../events';
import { refuseImmutable, type Immutable } from '../reading';
import { putCredentials } from '../sealing/credential-store';
import { immutableOfAccount, writeAccount } from './account-messages';
import { lockAccount, updateAccount, type Account } from './account-store';

/** New values of an account; what is absent stays. What is given of fields that never change must be what is stored. */
export interface AccountUpdate {
  id: string;
  change: Partial<Pick<Account, 'displayName' | 'apiBaseUrl' | 'segmentsPerSecond' | 'messagesPerDay'>>;
  immutable: Immutable;
}

/** Changes an account's name, address or limits. Another address means another server: it has to be validated again. */
export function updateChannelAccount(
  deps: ConfigurationDeps,
  act: Act,
  { id, change, immutable }: AccountUpdate,
): Promise<Account> {
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockAccount(tx, org, id);
    refuseImmutable('channel_account', immutable, immutableOfAccount(writeAccount(stored, deps.publicUrl)));
    const isMoved = change.apiBaseUrl !== undefined && change.apiBaseUrl !== stored.apiBaseUrl;
    return write(tx, deps, act, { stored, changed: { ...stored, ...change, ...(isMoved ? unvalidated(stored) : {}) } });
  });
}

/** Replaces an account's credentials; they have to be validated, and those before verify webhooks for another day. */
export function rotateChannelAccountCredentials(
  deps: ConfigurationDeps,
  act: Act,
  { key, requestHash, id, credentials }: Repeatable & { id: string; credentials: Credentials },
): Promise<Buffer> {
  const { org } = key;
  return answerOnce(deps.database, key, requestHash, async (tx) => {
    const stored = await lockAccount(tx, org, id);
    const version = stored.credentialVersion + 1;
    await putCredentials(tx, deps, { key: { org, channelAccountId: id, version }, credentials });
    const changed = { ...stored, ...unvalidated(stored), credentialVersion: version };
    const account = await write(tx, deps, act, { stored, changed, requestId: key.requestId });
    return RotateChannelAccountCredentialsResponse.encode({
      channelAccount: writeAccount(account, deps.publicUrl),
    }).finish();
  });
}

/** Stops everything that uses an account, until somebody validates it again. Disabling it twice is harmless. */
export function disableChannelAccount(deps: ConfigurationDeps, act: Act, id: string): Promise<Account> {
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockAccount(tx, org, id);
    return write(tx, deps, act, { stored, changed: { ...stored, state: 'DISABLED' } });
  });
}

/** What the provider said before was said of something else. Disabled it stays: that was said by a person. */
function unvalidated({ state }: Account): Pick<Account, 'state' | 'validationError'> {
  return { state: state === 'DISABLED' ? state : 'UNVALIDATED', validationError: '' };
}

async function write(
  tx: Tx,
  deps: ConfigurationDeps,
  act: Act,
  { stored, changed, requestId }: { stored: Account; changed: Account; requestId?: string },
): Promise<Account> {
  if (isDeepStrictEqual(changed, stored)) return stored;
  const account = { ...changed, updatedAt: deps.now() };
  await updateAccount(tx, act.org, account);
  await announceChange(tx, deps, { org: act.org, kind: 'CHANNEL_ACCOUNT', id: account.id });
  await auditAccount(tx, act, { before: stored, after: account, requestId });
  return account;
}
