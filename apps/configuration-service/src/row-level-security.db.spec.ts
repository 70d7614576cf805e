import { randomUUID } from 'node:crypto';
import { execute, sql } from '@herald/postgres';
import { rowLevelSecurityFaults, testDatabase, type TestDatabase } from '@herald/testing';
import { findAccount, findByPath, insertAccount, type Account } from './accounts/account-store';
import { findChannel, insertChannel, type Channel } from './channels/channel-store';
import { findConfiguration, insertConfiguration, type Configuration } from './configurations/configuration-store';
import { migrations } from './migrations';

const AT = new Date('2026-11-24T12:00:00.123Z');

let test: TestDatabase;

const anAccount = (): Account => ({
  id: randomUUID(),
  displayName: 'Bank',
  provider: 'TWILIO',
  providerAccountId: `AC${'0'.repeat(32)}`,
  apiBaseUrl: 'https://twilio.example',
  state: 'UNVALIDATED',
  validationError: '',
  validatedAt: null,
  pathSegment: randomUUID(),
  credentialVersion: 1,
  segmentsPerSecond: 0,
  messagesPerDay: 0,
  createdAt: AT,
  updatedAt: AT,
});

const aChannel = (channelAccountId: string): Channel => ({
  id: randomUUID(),
  channelAccountId,
  displayName: 'Number',
  channelType: 'SMS',
  sender: '+14255550100',
  senderType: 'LONG_CODE',
  segmentsPerSecond: 0.5,
  state: 'UNPROVISIONED',
  validationError: '',
  createdAt: AT,
  updatedAt: AT,
});

const aConfiguration = (channelId: string): Configuration => ({
  id: randomUUID(),
  name: 'Delivery',
  showInTimeline: true,
  channelType: 'SMS',
  channelId,
  templateId: randomUUID(),
  state: 'ACTIVE',
  deliveryGuarantee: 'AT_MOST_ONCE',
  purpose: 'MARKETING',
  validForMs: 604_800_000,
  conversationCreation: 'ON_SEND',
  createdAt: AT,
  updatedAt: AT,
});

/** A row in each of the three tables that people fill. */
async function stored(org: string) {
  const account = anAccount();
  const channel = aChannel(account.id);
  const configuration = aConfiguration(channel.id);
  await test.database.transaction(org, async (tx) => {
    await insertAccount(tx, org, account);
    await insertChannel(tx, org, channel);
    await insertConfiguration(tx, org, configuration);
  });
  return { account, channel, configuration };
}

const WHAT_PEOPLE_FILL = [
  ['channel_account', 'select org_id from channel_account'],
  ['channel', 'select org_id from channel'],
  ['outbound_configuration', 'select org_id from outbound_configuration'],
] as const;

describe('the schema of configuration', () => {
  beforeAll(async () => {
    test = await testDatabase({ service: 'configuration', migrations, poolMax: 1 });
  });
  afterAll(async () => {
    await test.close();
  });

  it('S2: forces row-level security on every table of organisations', async () => {
    const workTables = ['account_path', 'outbox'];
    expect(await rowLevelSecurityFaults(test, 'configuration', { workTables })).toEqual([]);
  });

  it.each(WHAT_PEOPLE_FILL)(
    'S2: shows an organisation its own rows alone, on a connection another one used: %s',
    async (_name, text) => {
      const [one, other] = [randomUUID(), randomUUID()];
      await stored(one);
      const all = (org: string) => test.database.read(org, (tx) => sql(tx, text));
      expect(await all(one)).toHaveLength(1);
      expect(await all(other)).toEqual([]);
    },
  );

  it('S2: refuses a row of another organisation, whatever the statement says', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const { account } = await stored(one);
    await expect(test.database.transaction(one, (tx) => insertAccount(tx, other, anAccount()))).rejects.toThrow(
      /row-level security/,
    );
    const changed = await test.database.transaction(other, (tx) =>
      execute(tx, `update channel_account set state = 'VALID' where org_id = $1 and id = $2`, [one, account.id]),
    );
    expect(changed).toBe(0);
  });

  it('S2: refuses a channel of another organisation’s account', async () => {
    const { account } = await stored(randomUUID());
    const org = randomUUID();
    await expect(test.database.transaction(org, (tx) => insertChannel(tx, org, aChannel(account.id)))).rejects.toThrow(
      /foreign key/,
    );
  });

  it.each([
    ...WHAT_PEOPLE_FILL,
    ['credential', 'select org_id from credential'] as const,
    ['data_key', 'select org_id from data_key'] as const,
    ['organization_setting', 'select org_id from organization_setting'] as const,
  ])('S2: raises where no organisation is set, and gives the worker no right: %s', async (_name, text) => {
    await expect(test.database.withoutOrg((tx) => sql(tx, text))).rejects.toThrow(/no organisation is set/);
    await expect(test.database.worker((tx) => sql(tx, text))).rejects.toThrow(/permission denied/);
  });

  it('finds the organisation of a path, of which nothing else is known', async () => {
    const org = randomUUID();
    const { account } = await stored(org);
    const found = await test.database.withoutOrg((tx) => findByPath(tx, account.pathSegment));
    expect(found).toEqual({ org, id: account.id });
    expect(await test.database.withoutOrg((tx) => findByPath(tx, 'elsewhere'))).toBeUndefined();
  });

  it('lets nobody move a path, change a data key, or delete what requests refer to', async () => {
    const org = randomUUID();
    await stored(org);
    for (const text of [
      'update account_path set org_id = org_id',
      'delete from account_path',
      'update data_key set wrapped = wrapped',
      'delete from data_key',
      'delete from channel_account',
      'delete from channel',
      'delete from outbound_configuration',
    ]) {
      await expect(test.database.transaction(org, (tx) => sql(tx, text))).rejects.toThrow(/permission denied/);
    }
  });

  it('gives back what was stored, to the millisecond', async () => {
    const org = randomUUID();
    const { account, channel, configuration } = await stored(org);
    await test.database.read(org, async (tx) => {
      expect(await findAccount(tx, org, account.id)).toEqual(account);
      expect(await findChannel(tx, org, channel.id)).toEqual(channel);
      expect(await findConfiguration(tx, org, configuration.id)).toEqual(configuration);
    });
  });
});
