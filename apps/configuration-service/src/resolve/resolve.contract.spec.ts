import { randomUUID } from 'node:crypto';
import { refusal, faultsOf } from '@herald/testing';
import {
  ConfigurationServiceService,
  OrganizationSettings,
  type Channel,
  type ChannelAccount,
  type Credentials,
  type OutboundConfiguration,
} from '@herald/contracts/configuration';
import { Provider } from '@herald/contracts/type';
import { SCOPES } from '@herald/grpc';
import { configureLogs } from '@herald/telemetry';
import {
  accountCreation,
  atTwilio,
  channelCreation,
  configurationCreation,
  createdAccount,
  createdChannel,
  createdConfiguration,
  present,
  rotation,
  twilioCredentials,
} from '../../test/given';
import { everyCall } from '../../test/every-call';
import { runningService, type Configurations, type RunningService } from '../../test/running-service';

const DAY_MS = 24 * 3_600_000;
const KEY_SID = `SK${'0'.repeat(32)}`;

let service: RunningService;
let org: string;
let configurations: Configurations;
let dispatch: Configurations;
let gateway: Configurations;
let account: ChannelAccount;
let channel: Channel;
let configuration: OutboundConfiguration;
let token: string;
let secret: string;
let credentials: Credentials;

const resolve = (outboundConfigurationId: string) => dispatch.resolveConfiguration({ outboundConfigurationId });
const resolveWebhook = (pathSegment: string) => gateway.resolveWebhookAccount({ pathSegment });
const segmentOf = ({ statusWebhookUrl }: ChannelAccount) => present(statusWebhookUrl.split('/').at(-1));

describe('ConfigurationService, for services alone', () => {
  beforeAll(async () => {
    // What fails within here is meant to.
    configureLogs({ level: 'silent' });
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });
  beforeEach(async () => {
    org = randomUUID();
    configurations = service.as({ org });
    dispatch = service.asService('dispatch', org);
    gateway = service.asService('gateway');
    const known = atTwilio(service);
    [token, secret] = [known.authToken, randomUUID()];
    credentials = twilioCredentials(token, { sid: KEY_SID, secret });
    present(service.twilio.accounts.get(known.sid)).logins.push(`${KEY_SID}:${secret}`);
    const { id } = await createdAccount(configurations, accountCreation(service, {}, { ...known, credentials }));
    account = present((await configurations.validateChannelAccount({ channelAccountId: id })).channelAccount);
    const { id: channelId } = await createdChannel(configurations, channelCreation(id));
    channel = present((await configurations.validateChannel({ channelId })).channel);
    const on = { channelId, templateId: service.templates.make(org) };
    configuration = await createdConfiguration(configurations, configurationCreation(on));
  });

  describe('ResolveConfiguration', () => {
    it('answers with all that a send is pinned to, and no blocker', async () => {
      const settings = OrganizationSettings.fromPartial({ strict2020: true });
      const stored = await configurations.updateOrganizationSettings({ settings, updateMask: ['strict_2020'] });
      expect(await resolve(configuration.id)).toEqual({
        outboundConfiguration: configuration,
        channel,
        channelAccount: account,
        settings: stored.settings,
        blockers: [],
      });
    });

    it.each([
      [
        'CONFIGURATION_INACTIVE',
        () => configurations.deactivateOutboundConfiguration({ outboundConfigurationId: configuration.id }),
      ],
      ['CHANNEL_DISABLED', () => configurations.disableChannel({ channelId: channel.id })],
      [
        'CHANNEL_NOT_PROVISIONED',
        () => {
          present(service.twilio.accounts.get(account.providerAccountId)).senders = [];
          return configurations.validateChannel({ channelId: channel.id });
        },
      ],
      ['CHANNEL_ACCOUNT_DISABLED', () => configurations.disableChannelAccount({ channelAccountId: account.id })],
      ['CHANNEL_ACCOUNT_NOT_VALID', () => configurations.rotateChannelAccountCredentials(rotation(account.id))],
      [
        'CHANNEL_ACCOUNT_NOT_VALID',
        () => {
          present(service.twilio.accounts.get(account.providerAccountId)).logins = [];
          return configurations.validateChannelAccount({ channelAccountId: account.id });
        },
      ],
    ] satisfies [string, () => Promise<unknown>][])('tells that it is blocked: %s (%#)', async (blocker, block) => {
      await block();
      expect((await resolve(configuration.id)).blockers).toEqual([blocker]);
    });

    it('tells all that blocks it, the nearest first', async () => {
      await configurations.deactivateOutboundConfiguration({ outboundConfigurationId: configuration.id });
      await configurations.disableChannel({ channelId: channel.id });
      await configurations.disableChannelAccount({ channelAccountId: account.id });
      expect((await resolve(configuration.id)).blockers).toEqual([
        'CONFIGURATION_INACTIVE',
        'CHANNEL_DISABLED',
        'CHANNEL_ACCOUNT_DISABLED',
      ]);
    });

    it('is not blocked by its template, which dispatch asks template-service about', async () => {
      service.templates.set(org, configuration.templateId, { archived: true });
      expect((await resolve(configuration.id)).blockers).toEqual([]);
    });

    it('CONFIGURATION_NOT_FOUND, INVALID_FIELD', async () => {
      expect((await refusal(resolve(randomUUID()))).reason).toBe('CONFIGURATION_NOT_FOUND');
      expect(faultsOf(await refusal(resolve('')))).toEqual(['outbound_configuration_id FIELD_REQUIRED']);
    });

    it('S1: CONFIGURATION_NOT_FOUND for a token of another organisation', async () => {
      const other = service.asService('dispatch', randomUUID());
      const call = other.resolveConfiguration({ outboundConfigurationId: configuration.id });
      expect((await refusal(call)).reason).toBe('CONFIGURATION_NOT_FOUND');
    });
  });

  describe('GetChannelAccountCredentials', () => {
    const get = (channelAccountId: string) => dispatch.getChannelAccountCredentials({ channelAccountId });

    it('S13: gives dispatch the credentials that hold now', async () => {
      expect(await get(account.id)).toEqual({ channelAccount: account, credentials });
      const next = rotation(account.id);
      const { channelAccount } = await configurations.rotateChannelAccountCredentials(next);
      expect(await get(account.id)).toEqual({ channelAccount, credentials: next.credentials });
    });

    it('CREDENTIALS_NOT_FOUND, CHANNEL_ACCOUNT_NOT_FOUND, INVALID_FIELD', async () => {
      await service.test.asOwner('delete from credential where channel_account_id = $1', [account.id]);
      expect((await refusal(get(account.id))).reason).toBe('CREDENTIALS_NOT_FOUND');
      expect((await refusal(get(randomUUID()))).reason).toBe('CHANNEL_ACCOUNT_NOT_FOUND');
      expect(faultsOf(await refusal(get('one')))).toEqual(['channel_account_id FIELD_MALFORMED']);
    });

    it('S1 S13: CHANNEL_ACCOUNT_NOT_FOUND for a token of another organisation', async () => {
      const other = service.asService('dispatch', randomUUID());
      const call = other.getChannelAccountCredentials({ channelAccountId: account.id });
      expect((await refusal(call)).reason).toBe('CHANNEL_ACCOUNT_NOT_FOUND');
    });

    it('S13: INTERNAL, with nothing of the inside, where the sealed bytes were changed', async () => {
      await service.test.asOwner(
        `update credential set sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) where channel_account_id = $1`,
        [account.id],
      );
      const error = await refusal(get(account.id));
      expect(error.reason).toBe('INTERNAL');
      expect(JSON.stringify([error.message, error.detail])).not.toMatch(/authenticate|seal|cipher/);
    });
  });

  describe('ResolveWebhookAccount', () => {
    it('finds the account of a path, with the token that signs webhooks and never the key', async () => {
      expect(await resolveWebhook(segmentOf(account))).toEqual({
        orgId: org,
        channelAccountId: account.id,
        provider: Provider.TWILIO,
        providerAccountId: account.providerAccountId,
        verificationKeys: [token],
      });
    });

    it('S13: verifies with the token before for a day after a rotation', async () => {
      const next = rotation(account.id);
      await configurations.rotateChannelAccountCredentials(next);
      const nextToken = next.credentials.provider.value.authToken;
      service.clock.advance(DAY_MS - 1);
      const keys = async () => (await resolveWebhook(segmentOf(account))).verificationKeys;
      expect(await keys()).toEqual([nextToken, token]);
      service.clock.advance(1);
      expect(await keys()).toEqual([nextToken]);
    });

    it('finds a disabled account too: what was sent before goes on being reported', async () => {
      await configurations.disableChannelAccount({ channelAccountId: account.id });
      expect(await resolveWebhook(segmentOf(account))).toMatchObject({ channelAccountId: account.id });
    });

    it.each(['', 'elsewhere', 'a'.repeat(10_000), '\0'])('WEBHOOK_PATH_NOT_FOUND: path %#', async (segment) => {
      expect((await refusal(resolveWebhook(segment))).reason).toBe('WEBHOOK_PATH_NOT_FOUND');
    });
  });

  describe('secrets', () => {
    it('S13: no RPC that people may call returns one, whatever scopes they have', async () => {
      const all = service.as({ org, scopes: SCOPES });
      const subjects = {
        ...{ channelAccountId: account.id, channelId: channel.id, outboundConfigurationId: configuration.id },
        ...{ templateId: configuration.templateId, pathSegment: segmentOf(account) },
      };
      const answered: string[] = [];
      const answers: string[] = [];
      for (const [rpc, call] of Object.entries(everyCall(service, subjects))) {
        const outcome: unknown = await call(all).catch((error: unknown) => error);
        if (!(outcome instanceof Error)) answered.push(rpc);
        answers.push(JSON.stringify(outcome));
      }
      // Those for services alone and those that no version serves answer nothing; the others all did.
      expect(Object.keys(ConfigurationServiceService)).toHaveLength(32);
      expect(answered).toHaveLength(21);
      for (const hidden of [token, secret]) expect(answers.join('\n')).not.toContain(hidden);
    });
  });
});
