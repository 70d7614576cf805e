import { randomBytes, randomUUID } from 'node:crypto';
import type { Credentials } from '@herald/contracts/configuration';
import { FakeClock, testDatabase, type TestDatabase } from '@herald/testing';
import { insertAccount, type Account } from '../accounts/account-store';
import { rotateChannelAccountCredentials } from '../accounts/change-channel-account';
import { createChannelAccount } from '../accounts/create-channel-account';
import type { ConfigurationDeps } from '../deps';
import { migrations } from '../migrations';
import type { Act, Repeatable } from '@herald/postgres';
import { openCredentials, openVerifying, putCredentials, type CredentialKey } from './credential-store';
import { sealerOf } from './sealer';

const DAY_MS = 24 * 3_600_000;

let test: TestDatabase;
let clock: FakeClock;
const sealer = sealerOf(randomBytes(32));

const twilio = (authToken: string, apiKeySecret = ''): Credentials => ({
  provider: {
    $case: 'twilio',
    value: { authToken, apiKeySid: apiKeySecret === '' ? '' : `SK${'0'.repeat(32)}`, apiKeySecret },
  },
});

/** An account without credentials. */
async function givenAccount(org: string = randomUUID()): Promise<CredentialKey> {
  const account: Account = {
    id: randomUUID(),
    displayName: randomUUID(),
    provider: 'TWILIO',
    providerAccountId: `AC${'0'.repeat(32)}`,
    apiBaseUrl: '',
    state: 'UNVALIDATED',
    validationError: '',
    validatedAt: null,
    pathSegment: randomUUID(),
    credentialVersion: 1,
    segmentsPerSecond: 0,
    messagesPerDay: 0,
    createdAt: clock.now(),
    updatedAt: clock.now(),
  };
  await test.database.transaction(org, (tx) => insertAccount(tx, org, account));
  return { org, channelAccountId: account.id, version: 1 };
}

function put(key: CredentialKey, credentials: Credentials): Promise<void> {
  const deps = { sealer, now: () => clock.now() };
  return test.database.transaction(key.org, (tx) => putCredentials(tx, deps, { key, credentials }));
}

function present(key: CredentialKey, by = sealer): Promise<Credentials> {
  return test.database.read(key.org, (tx) => openCredentials(tx, by, key));
}

function verifying(key: CredentialKey): Promise<Credentials[]> {
  return test.database.read(key.org, (tx) => openVerifying(tx, sealer, key, clock.now()));
}

const stored = ({ channelAccountId }: CredentialKey) =>
  test.asOwner<{ version: number }>('select version from credential where channel_account_id = $1 order by version', [
    channelAccountId,
  ]);

describe('the store of credentials', () => {
  beforeAll(async () => {
    test = await testDatabase({ service: 'configuration', migrations });
  });
  afterAll(async () => {
    await test.close();
  });
  beforeEach(() => {
    clock = new FakeClock();
  });

  it('S13: gives back what was sealed', async () => {
    const key = await givenAccount();
    await put(key, twilio('token', 'secret'));
    expect(await present(key)).toEqual(twilio('token', 'secret'));
  });

  it('CREDENTIALS_NOT_FOUND: an account whose credentials are gone', async () => {
    const key = await givenAccount();
    await expect(present(key)).rejects.toMatchObject({
      reason: 'CREDENTIALS_NOT_FOUND',
      detail: { metadata: { channelAccountId: key.channelAccountId } },
    });
    expect(await verifying(key)).toEqual([]);
  });

  it('S1: CREDENTIALS_NOT_FOUND for another organisation', async () => {
    const key = await givenAccount();
    await put(key, twilio('token'));
    await expect(present({ ...key, org: randomUUID() })).rejects.toMatchObject({ reason: 'CREDENTIALS_NOT_FOUND' });
  });

  it('sends with the newest, and verifies with the one before for a day and no longer', async () => {
    const key = await givenAccount();
    await put(key, twilio('first'));
    clock.advance(90 * DAY_MS);
    await put({ ...key, version: 2 }, twilio('second'));
    expect(await present(key)).toEqual(twilio('second'));
    clock.advance(DAY_MS - 1);
    expect(await verifying(key)).toEqual([twilio('second'), twilio('first')]);
    clock.advance(1);
    expect(await verifying(key)).toEqual([twilio('second')]);
  });

  it('does not give credentials another day when they are followed twice', async () => {
    const key = await givenAccount();
    await put(key, twilio('first'));
    await put({ ...key, version: 2 }, twilio('second'));
    clock.advance(DAY_MS / 2);
    await put({ ...key, version: 3 }, twilio('third'));
    expect(await verifying(key)).toEqual([twilio('third'), twilio('second'), twilio('first')]);
    clock.advance(DAY_MS / 2);
    expect(await verifying(key)).toEqual([twilio('third'), twilio('second')]);
    clock.advance(DAY_MS / 2);
    expect(await verifying(key)).toEqual([twilio('third')]);
  });

  it('keeps the newest five at most, however often they are rotated', async () => {
    const key = await givenAccount();
    for (const version of [1, 2, 3, 4, 5, 6, 7]) await put({ ...key, version }, twilio(`token ${version}`));
    expect(await verifying(key)).toEqual([7, 6, 5, 4, 3].map((version) => twilio(`token ${version}`)));
  });

  it('deletes what verifies no more at the next rotation', async () => {
    const key = await givenAccount();
    await put(key, twilio('first'));
    await put({ ...key, version: 2 }, twilio('second'));
    clock.advance(DAY_MS + 1);
    await put({ ...key, version: 3 }, twilio('third'));
    expect(await stored(key)).toEqual([{ version: 2 }, { version: 3 }]);
  });

  it('makes one data key for an organisation, also when two accounts are the first at once', async () => {
    const org = randomUUID();
    const keys = [await givenAccount(org), await givenAccount(org)];
    await Promise.all(keys.map((key) => put(key, twilio(key.channelAccountId))));
    for (const key of keys) expect(await present(key)).toEqual(twilio(key.channelAccountId));
    expect(await test.asOwner('select org_id from data_key where org_id = $1', [org])).toHaveLength(1);
  });

  it('S13: a row that is moved to another account, version or organisation does not open', async () => {
    const org = randomUUID();
    const [from, to] = [await givenAccount(org), await givenAccount(org)];
    const foreign = await givenAccount();
    await put(from, twilio('token of one'));
    await put(to, twilio('token of the other'));
    await put(foreign, twilio('token of a stranger'));
    const copy = (target: CredentialKey) =>
      test.asOwner(
        `update credential set sealed = (select sealed from credential where channel_account_id = $1)
          where channel_account_id = $2`,
        [from.channelAccountId, target.channelAccountId],
      );
    await copy(to);
    await copy(foreign);
    await expect(present(to)).rejects.toThrow(/authenticate/);
    await expect(present(foreign)).rejects.toThrow(/authenticate/);
    await test.asOwner(
      'update data_key set wrapped = (select wrapped from data_key where org_id = $1) where org_id = $2',
      [org, foreign.org],
    );
    await expect(present(foreign)).rejects.toThrow(/authenticate/);
    await test.asOwner('update credential set version = 2 where channel_account_id = $1', [from.channelAccountId]);
    await expect(present({ ...from, version: 2 })).rejects.toThrow(/authenticate/);
  });

  it('S13: the database without the master key gives nothing away', async () => {
    const key = await givenAccount();
    await put(key, twilio('token'));
    await expect(present(key, sealerOf(randomBytes(32)))).rejects.toThrow(/authenticate/);
  });

  it('S13: no table of the schema holds a secret in the clear', async () => {
    const secrets = Array.from({ length: 4 }, () => randomBytes(16).toString('hex'));
    const [token = '', apiSecret = '', nextToken = '', nextApiSecret = ''] = secrets;
    const org = randomUUID();
    const account = await createdWith(org, twilio(token, apiSecret));
    const credentials = twilio(nextToken, nextApiSecret);
    await rotateChannelAccountCredentials(deps(), actOf(org), { ...asked(org, 'Rotate'), id: account, credentials });
    const { tables, text } = await dump();
    expect(tables).toEqual(expect.arrayContaining(['audit_entry', 'credential', 'data_key', 'idempotency', 'outbox']));
    // The dump is whole: what may be seen is in it.
    expect(text).toContain(account);
    for (const secret of secrets) {
      for (const encoding of ['utf8', 'hex', 'base64', 'base64url'] as const) {
        expect(text).not.toContain(Buffer.from(secret).toString(encoding));
      }
      // The secret may have been read as the hexadecimal digits it is written in.
      expect(text).not.toContain(Buffer.from(secret, 'hex').toString('base64'));
    }
  });
});

/** What the two use cases that take secrets need; they call nobody. */
function deps(): ConfigurationDeps {
  const unasked = {} as Pick<ConfigurationDeps, 'provider' | 'templates'>;
  const { database } = test;
  return { ...unasked, database, sealer, publicUrl: 'https://x.example', newId: randomUUID, now: () => clock.now() };
}

function actOf(org: string): Act {
  return { org, method: 'Spec', caller: { kind: 'user', org, subject: 'ana', scopes: new Set() } };
}

function asked(org: string, rpc: string): Repeatable {
  return { key: { org, caller: 'ana', rpc, requestId: randomUUID() }, requestHash: randomBytes(32) };
}

async function createdWith(org: string, credentials: Credentials): Promise<string> {
  const given = {
    displayName: randomUUID(),
    provider: 'TWILIO',
    providerAccountId: `AC${'0'.repeat(32)}`,
    apiBaseUrl: '',
    segmentsPerSecond: 0,
    messagesPerDay: 0,
  } as const;
  await createChannelAccount(deps(), actOf(org), { ...asked(org, 'Create'), given, credentials });
  const [account] = await test.asOwner<{ id: string }>('select id from channel_account where org_id = $1', [org]);
  if (account === undefined) throw new Error('the account was not stored');
  return account.id;
}

/** Every row of every table, as text; bytes are in hexadecimal digits. */
async function dump(): Promise<{ tables: string[]; text: string }> {
  const rows = await test.asOwner<{ name: string; xml: string }>(
    `select c.relname as name, query_to_xml(format('select t::text from %I t', c.relname), true, false, '')::text as xml
       from pg_class c
       join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'configuration' and c.relkind in ('r', 'p')`,
  );
  return { tables: rows.map(({ name }) => name), text: rows.map(({ xml }) => xml).join('\n') };
}
