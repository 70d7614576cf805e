import { randomBytes, randomUUID } from 'node:crypto';
import { refusal, faultsOf } from '@herald/testing';
import { ChannelAccount, ChannelAccount_State } from '@herald/contracts/configuration';
import {
  accountCreation,
  atTwilio,
  createdAccount,
  present,
  rotation,
  twilioCredentials,
  validAccount,
  whileAsked,
} from '../../test/given';
import { runningService, type Configurations, type RunningService } from '../../test/running-service';

let service: RunningService;
let configurations: Configurations;

describe('ConfigurationService, the validation of accounts', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });
  beforeEach(() => {
    configurations = service.as({ org: randomUUID() });
    service.twilio.failure = undefined;
    service.twilio.gate = undefined;
  });

  describe('ValidateChannelAccount', () => {
    const validate = async (channelAccountId: string) =>
      present((await configurations.validateChannelAccount({ channelAccountId })).channelAccount);

    it('asks the provider and makes the account valid', async () => {
      const account = await createdAccount(configurations, accountCreation(service));
      service.clock.advance(1_000);
      expect(await validate(account.id)).toEqual({
        ...account,
        state: ChannelAccount_State.VALID,
        validateTime: service.clock.now(),
        updateTime: service.clock.now(),
      });
      expect(service.twilio.questions).toContain(`/2010-04-01/Accounts/${account.providerAccountId}.json`);
    });

    it('asks about all that is stored: the token that signs webhooks, and the API key where there is one', async () => {
      const [sid, secret] = [`SK${randomBytes(16).toString('hex')}`, randomBytes(16).toString('hex')];
      const known = atTwilio(service);
      const credentials = twilioCredentials(known.authToken, { sid, secret });
      const request = accountCreation(service, {}, { ...known, credentials });
      const { id } = await createdAccount(configurations, request);
      const stateFor = async (...logins: string[]) => {
        present(service.twilio.accounts.get(known.sid)).logins = logins;
        return (await validate(id)).state;
      };
      const [token, key] = [`${known.sid}:${known.authToken}`, `${sid}:${secret}`];
      expect(await stateFor(token)).toBe(ChannelAccount_State.INVALID);
      expect(await stateFor(key)).toBe(ChannelAccount_State.INVALID);
      expect(await stateFor(token, key)).toBe(ChannelAccount_State.VALID);
    });

    it('makes it invalid with the provider’s code, and valid again once the credentials hold', async () => {
      const known = atTwilio(service);
      const credentials = twilioCredentials('wrong');
      const { id } = await createdAccount(configurations, accountCreation(service, {}, { ...known, credentials }));
      const invalid = await validate(id);
      expect(invalid).toMatchObject({ state: ChannelAccount_State.INVALID });
      expect(invalid.validationError).toBe('The provider refused the credentials (20003).');
      present(service.twilio.accounts.get(known.sid)).logins = [`${known.sid}:wrong`];
      expect(await validate(id)).toMatchObject({ state: ChannelAccount_State.VALID, validationError: '' });
    });

    it('makes an account invalid that the provider has suspended', async () => {
      const known = atTwilio(service);
      const { id } = await createdAccount(configurations, accountCreation(service, {}, known));
      present(service.twilio.accounts.get(known.sid)).status = 'suspended';
      expect(await validate(id)).toMatchObject({ state: ChannelAccount_State.INVALID });
    });

    it.each([500, 503, 429])('PROVIDER_UNAVAILABLE: the provider answers %i, and nothing changes', async (status) => {
      const account = await validAccount(service, configurations);
      service.twilio.failure = { status, headers: { 'retry-after': '7' } };
      const error = await refusal(configurations.validateChannelAccount({ channelAccountId: account.id }));
      expect(error.reason).toBe('PROVIDER_UNAVAILABLE');
      expect(error.detail.retryAfterMs).toBe(7_000);
      expect(await configurations.getChannelAccount({ channelAccountId: account.id })).toEqual({
        channelAccount: account,
      });
    });

    it('brings a disabled account back', async () => {
      const { id } = await validAccount(service, configurations);
      await configurations.disableChannelAccount({ channelAccountId: id });
      expect((await validate(id)).state).toBe(ChannelAccount_State.VALID);
    });

    it.each([
      ['rotated', (id: string): Promise<unknown> => configurations.rotateChannelAccountCredentials(rotation(id))],
      [
        'moved',
        (id: string): Promise<unknown> =>
          configurations.updateChannelAccount({
            channelAccount: ChannelAccount.fromPartial({ id, apiBaseUrl: 'https://other.example' }),
            updateMask: [],
          }),
      ],
      ['disabled', (id: string): Promise<unknown> => configurations.disableChannelAccount({ channelAccountId: id })],
    ])('REVISION_STALE: an account that was %s while the provider was asked', async (_what, change) => {
      const { id } = await createdAccount(configurations, accountCreation(service));
      const changed = await whileAsked(
        service.twilio,
        () => refusal(validate(id)),
        () => change(id),
      );
      expect(changed.outcome.reason).toBe('REVISION_STALE');
      expect(await configurations.getChannelAccount({ channelAccountId: id })).toEqual(changed.change);
    });

    it('PROVIDER_UNAVAILABLE: nobody is there', async () => {
      const request = accountCreation(service, { apiBaseUrl: 'http://127.0.0.1:1' });
      const { id } = await createdAccount(configurations, request);
      const error = await refusal(configurations.validateChannelAccount({ channelAccountId: id }));
      expect(error.reason).toBe('PROVIDER_UNAVAILABLE');
    });

    it('INVALID_FIELD, CHANNEL_ACCOUNT_NOT_FOUND', async () => {
      const malformed = configurations.validateChannelAccount({ channelAccountId: '' });
      expect(faultsOf(await refusal(malformed))).toEqual(['channel_account_id FIELD_REQUIRED']);
      const unknown = configurations.validateChannelAccount({ channelAccountId: randomUUID() });
      expect((await refusal(unknown)).reason).toBe('CHANNEL_ACCOUNT_NOT_FOUND');
    });

    it('CREDENTIALS_NOT_FOUND: an account whose credentials are gone', async () => {
      const { id } = await createdAccount(configurations, accountCreation(service));
      await service.test.asOwner('delete from credential where channel_account_id = $1', [id]);
      const error = await refusal(configurations.validateChannelAccount({ channelAccountId: id }));
      expect(error.reason).toBe('CREDENTIALS_NOT_FOUND');
    });
  });
});
