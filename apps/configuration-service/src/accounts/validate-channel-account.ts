import type { AccountAccess, Validation } from '@herald/channels';
import type { Credentials } from '@herald/contracts/configuration';
import { HeraldError, REASONS } from '@herald/errors';
import type { Act } from '@herald/postgres';
import { auditAccount } from '../audit';
import type { ConfigurationDeps } from '../deps';
import { announceChange } from '../events';
import { openCredentials } from '../sealing/credential-store';
import { findAccount, lockAccount, updateAccount, type Account } from './account-store';

/**
 * Asks the provider whether an account's credentials hold, and moves it to VALID or INVALID; a disabled one comes back
 * by it. The provider is asked outside any transaction. Credentials that were rotated meanwhile are not judged by the
 * answer about those before, and an account that was disabled meanwhile stays so: REVISION_STALE. Throws
 * PROVIDER_UNAVAILABLE, with nothing changed, when nobody answers.
 */
export async function validateChannelAccount(
  deps: ConfigurationDeps,
  act: Act & { signal: AbortSignal },
  id: string,
): Promise<Account> {
  const { org, signal } = act;
  const { account: asked, credentials } = await deps.database.read(org, async (tx) => {
    const account = await findAccount(tx, org, id);
    const key = { org, channelAccountId: id, version: account.credentialVersion };
    return { account, credentials: await openCredentials(tx, deps.sealer, key) };
  });
  const validation = await validateAll(deps, everyAccess(asked, credentials), signal);
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockAccount(tx, org, id);
    refuseChanged(asked, stored);
    refuseStopped(asked, stored);
    const at = deps.now();
    const isValid = validation.kind === 'valid';
    const account: Account = {
      ...stored,
      state: isValid ? 'VALID' : 'INVALID',
      validationError: isValid ? '' : `The provider refused the credentials (${validation.code}).`,
      validatedAt: at,
      updatedAt: at,
    };
    await updateAccount(tx, org, account);
    await announceChange(tx, deps, { org, kind: 'CHANNEL_ACCOUNT', id });
    await auditAccount(tx, act, { before: stored, after: account });
    return account;
  });
}

/** By what right an account's API is called: its key where it has one, so that the token signs webhooks alone. */
export function accessOf(account: Account, credentials: Credentials): AccountAccess {
  const { token, key } = everyAccess(account, credentials);
  return key ?? token;
}

/** Every way to call with what is stored. All of them must hold: a token that is wrong verifies no webhook. */
function everyAccess(account: Account, { provider }: Credentials): { token: AccountAccess; key?: AccountAccess } {
  if (provider?.$case !== 'twilio') throw new Error('an account of Twilio has credentials of another provider');
  const { authToken, apiKeySid, apiKeySecret } = provider.value;
  const at = { accountId: account.providerAccountId, apiBaseUrl: account.apiBaseUrl };
  const token = { ...at, secret: authToken };
  return apiKeySid === '' ? { token } : { token, key: { ...at, apiKeySid, secret: apiKeySecret } };
}

async function validateAll(
  { provider }: Pick<ConfigurationDeps, 'provider'>,
  { token, key }: ReturnType<typeof everyAccess>,
  signal: AbortSignal,
): Promise<Verdict> {
  const validation = refuseUnavailable(await provider.validateAccount(token, signal));
  if (key === undefined || validation.kind === 'invalid') return validation;
  return refuseUnavailable(await provider.validateAccount(key, signal));
}

type Verdict = Exclude<Validation, { kind: 'unavailable' }>;

/** The provider's verdict; throws PROVIDER_UNAVAILABLE where it gave none. */
export function refuseUnavailable(validation: Validation): Verdict {
  if (validation.kind !== 'unavailable') return validation;
  throw new HeraldError('PROVIDER_UNAVAILABLE', REASONS.PROVIDER_UNAVAILABLE.text, {
    retryAfterMs: validation.retryAfterMs,
  });
}

/** Throws REVISION_STALE where the provider was asked with other credentials, or at another address, than hold now. */
export function refuseChanged(asked: Account, stored: Account): void {
  if (stored.credentialVersion !== asked.credentialVersion || stored.apiBaseUrl !== asked.apiBaseUrl) throw stale();
}

/** Throws REVISION_STALE where somebody disabled it while the provider was asked: a verdict does not undo that. */
export function refuseStopped(asked: { state: string }, stored: { state: string }): void {
  if (stored.state === 'DISABLED' && asked.state !== 'DISABLED') throw stale();
}

function stale(): HeraldError {
  return new HeraldError('REVISION_STALE', 'It was changed while the provider was asked. Validate it again.');
}
