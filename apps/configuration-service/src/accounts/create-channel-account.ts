import { CreateChannelAccountResponse, type Credentials } from '@herald/contracts/configuration';
import { answerOnce, type Act, type Repeatable } from '@herald/postgres';
import { randomBytes } from 'node:crypto';
import { auditAccount } from '../audit';
import type { ConfigurationDeps } from '../deps';
import { announceChange } from '../events';
import { putCredentials } from '../sealing/credential-store';
import { writeAccount, type GivenAccount } from './account-messages';
import { insertAccount, type Account } from './account-store';

/** ASVS 11.5.1 asks for 128 bits in what nobody may guess, and does not count UUIDs. */
const PATH_BYTES = 24;

/** Creates an account, not validated, and seals its credentials in the same transaction. */
export function createChannelAccount(
  deps: ConfigurationDeps,
  act: Act,
  { key, requestHash, given, credentials }: Repeatable & { given: GivenAccount; credentials: Credentials },
): Promise<Buffer> {
  const { org } = key;
  return answerOnce(deps.database, key, requestHash, async (tx) => {
    const createdAt = deps.now();
    const account: Account = {
      ...given,
      id: deps.newId(),
      state: 'UNVALIDATED',
      validationError: '',
      validatedAt: null,
      pathSegment: randomBytes(PATH_BYTES).toString('base64url'),
      credentialVersion: 1,
      createdAt,
      updatedAt: createdAt,
    };
    await insertAccount(tx, org, account);
    await putCredentials(tx, deps, { key: { org, channelAccountId: account.id, version: 1 }, credentials });
    await announceChange(tx, deps, { org, kind: 'CHANNEL_ACCOUNT', id: account.id });
    await auditAccount(tx, act, { after: account, requestId: key.requestId });
    return CreateChannelAccountResponse.encode({ channelAccount: writeAccount(account, deps.publicUrl) }).finish();
  });
}
