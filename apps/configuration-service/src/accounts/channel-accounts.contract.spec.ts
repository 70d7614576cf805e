import { randomUUID } from 'node:crypto';
import { refusal, faultsOf } from '@herald/testing';
import {
  ChannelAccount,
  ChannelAccount_State,
  type ListChannelAccountsResponse,
  type RotateChannelAccountCredentialsResponse,
} from '@herald/contracts/configuration';
import { Provider } from '@herald/contracts/type';
import {
  accountCreation,
  atTwilio,
  createdAccount,
  present,
  rotation,
  twilioCredentials,
  validAccount,
} from '../../test/given';
import { PUBLIC_URL, runningService, type Configurations, type RunningService } from '../../test/running-service';

const EVERYTHING = { pageSize: 0, pageToken: '' };

let service: RunningService;
let org: string;
let configurations: Configurations;

const update = (id: string, changes: Partial<ChannelAccount>, updateMask: string[] = []) =>
  configurations.updateChannelAccount({ channelAccount: ChannelAccount.fromPartial({ id, ...changes }), updateMask });

describe('ConfigurationService, accounts', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });
  beforeEach(() => {
    org = randomUUID();
    configurations = service.as({ org });
  });

  describe('CreateChannelAccount', () => {
    it('stores an account that is not validated, with webhook URLs nobody can guess', async () => {
      const request = accountCreation(service, { displayName: '  Bank ' });
      const account = await createdAccount(configurations, request);
      expect(account).toEqual({
        ...present(request.channelAccount),
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        displayName: 'Bank',
        state: ChannelAccount_State.UNVALIDATED,
        inboundWebhookUrl: expect.stringMatching(/\/v1\/twilio\/inbound\/[\w-]{32}$/),
        statusWebhookUrl: account.inboundWebhookUrl.replace('/inbound/', '/status/'),
        credentialVersion: 1,
        createTime: service.clock.now(),
        updateTime: service.clock.now(),
      });
      expect(account.statusWebhookUrl.startsWith(`${PUBLIC_URL}/v1/`)).toBe(true);
      expect(await configurations.getChannelAccount({ channelAccountId: account.id })).toEqual({
        channelAccount: account,
      });
      const other = await createdAccount(configurations, accountCreation(service));
      expect(other.statusWebhookUrl).not.toBe(account.statusWebhookUrl);
    });

    it('takes limits for all senders of the account together, and none where none are given', async () => {
      const limits = { segmentsPerSecond: 4.5, messagesPerDay: 1_440 };
      const { id } = await createdAccount(configurations, accountCreation(service, limits));
      expect(await configurations.getChannelAccount({ channelAccountId: id })).toMatchObject({
        channelAccount: limits,
      });
      const without = await createdAccount(configurations, accountCreation(service));
      expect(without).toMatchObject({ segmentsPerSecond: 0, messagesPerDay: 0 });
    });

    it.each([
      [{ segmentsPerSecond: 0.001 }, 'channel_account.segments_per_second FIELD_OUT_OF_RANGE'],
      [{ segmentsPerSecond: Number.NaN }, 'channel_account.segments_per_second FIELD_OUT_OF_RANGE'],
      [{ segmentsPerSecond: 10_001 }, 'channel_account.segments_per_second FIELD_OUT_OF_RANGE'],
      [{ messagesPerDay: -1 }, 'channel_account.messages_per_day FIELD_OUT_OF_RANGE'],
      [{ messagesPerDay: 1_000_000_001 }, 'channel_account.messages_per_day FIELD_OUT_OF_RANGE'],
    ])('INVALID_FIELD: a limit out of bounds, at creation and later: %j', async (limits, fault) => {
      const creating = configurations.createChannelAccount(accountCreation(service, limits));
      expect(faultsOf(await refusal(creating))).toEqual([fault]);
      const { id } = await createdAccount(configurations, accountCreation(service));
      expect(faultsOf(await refusal(update(id, limits)))).toEqual([fault]);
    });

    it('ignores output-only fields', async () => {
      const id = randomUUID();
      const given = { id, state: ChannelAccount_State.VALID, credentialVersion: 7, statusWebhookUrl: 'https://mine' };
      const account = await createdAccount(configurations, accountCreation(service, given));
      expect(account).toMatchObject({ state: ChannelAccount_State.UNVALIDATED, credentialVersion: 1 });
      expect(account.id).not.toBe(id);
      expect(account.statusWebhookUrl).not.toBe('https://mine');
    });

    it('S13: INVALID_FIELD lists everything that is wrong at once, and quotes no secret', async () => {
      const secret = 'x'.repeat(201);
      const error = await refusal(
        configurations.createChannelAccount({
          requestId: 'one',
          channelAccount: ChannelAccount.fromPartial({
            displayName: 'a\nb',
            provider: Provider.X,
            providerAccountId: 'AC1',
            apiBaseUrl: 'http://10.0.0.1',
          }),
          credentials: twilioCredentials(secret, { sid: 'SK1', secret }),
        }),
      );
      expect(error.reason).toBe('INVALID_FIELD');
      expect(faultsOf(error)).toEqual([
        'request_id FIELD_MALFORMED',
        'channel_account.display_name FIELD_MALFORMED',
        'channel_account.provider FIELD_UNKNOWN_VALUE',
        'channel_account.provider_account_id FIELD_MALFORMED',
        'channel_account.api_base_url URL_NOT_ALLOWED',
        'credentials.twilio.auth_token FIELD_TOO_LONG',
        'credentials.twilio.api_key_secret FIELD_TOO_LONG',
        'credentials.twilio.api_key_sid FIELD_MALFORMED',
      ]);
      expect(JSON.stringify([error.message, error.detail])).not.toContain('xxx');
    });

    it('INVALID_FIELD: an account and credentials that are missing, or half there', async () => {
      const empty = { requestId: randomUUID(), channelAccount: undefined, credentials: undefined };
      expect(faultsOf(await refusal(configurations.createChannelAccount(empty)))).toEqual([
        'channel_account FIELD_REQUIRED',
        'channel_account.display_name FIELD_REQUIRED',
        'channel_account.provider FIELD_UNKNOWN_VALUE',
        'channel_account.provider_account_id FIELD_MALFORMED',
        'credentials.twilio FIELD_REQUIRED',
      ]);
      const half = [
        [twilioCredentials(''), 'credentials.twilio.auth_token FIELD_REQUIRED'],
        [
          twilioCredentials('x', { sid: `SK${'0'.repeat(32)}`, secret: '' }),
          'credentials.twilio.api_key_secret FIELD_REQUIRED',
        ],
        [twilioCredentials('x', { sid: '', secret: 'y' }), 'credentials.twilio.api_key_sid FIELD_REQUIRED'],
        [{ provider: { $case: 'telesign' as const, value: { apiKey: 'x' } } }, 'credentials.twilio FIELD_REQUIRED'],
      ] as const;
      for (const [credentials, fault] of half) {
        const request = { ...accountCreation(service), credentials };
        expect(faultsOf(await refusal(configurations.createChannelAccount(request)))).toEqual([fault]);
      }
    });

    it('answers a repeat with the first answer, whatever became of the account', async () => {
      const request = accountCreation(service);
      const first = await configurations.createChannelAccount(request);
      await configurations.disableChannelAccount({ channelAccountId: first.channelAccount?.id ?? '' });
      // What is output only is no part of the request.
      const channelAccount = { ...present(request.channelAccount), state: ChannelAccount_State.VALID };
      const repeat = { ...request, requestId: request.requestId.toUpperCase(), channelAccount };
      expect(await configurations.createChannelAccount(repeat)).toEqual(first);
      expect((await configurations.listChannelAccounts(EVERYTHING)).channelAccounts).toHaveLength(1);
    });

    it('makes one account of two calls at once with the same request id', async () => {
      const request = accountCreation(service);
      const calls = [configurations.createChannelAccount(request), configurations.createChannelAccount(request)];
      const [one, other] = await Promise.all(calls);
      expect(other).toEqual(one);
      expect((await configurations.listChannelAccounts(EVERYTHING)).channelAccounts).toHaveLength(1);
    });

    it('REQUEST_ID_REUSED: the same request id with another secret is another request', async () => {
      const request = accountCreation(service);
      await configurations.createChannelAccount(request);
      const other = { ...request, credentials: twilioCredentials('another') };
      expect((await refusal(configurations.createChannelAccount(other))).reason).toBe('REQUEST_ID_REUSED');
    });

    it('CHANNEL_ACCOUNT_NAME_TAKEN: without regard to case, in its organisation alone', async () => {
      await createdAccount(configurations, accountCreation(service, { displayName: 'Straße' }));
      const request = accountCreation(service, { displayName: 'STRAßE' });
      expect((await refusal(configurations.createChannelAccount(request))).reason).toBe('CHANNEL_ACCOUNT_NAME_TAKEN');
      const stranger = service.as({ org: randomUUID() });
      await createdAccount(stranger, accountCreation(service, { displayName: 'straße' }));
      // What was refused has not used up its request id.
      await configurations.createChannelAccount({
        ...request,
        channelAccount: { ...present(request.channelAccount), displayName: 'Another' },
      });
    });
  });

  describe('GetChannelAccount and ListChannelAccounts', () => {
    it('CHANNEL_ACCOUNT_NOT_FOUND: an id that nothing has', async () => {
      const call = configurations.getChannelAccount({ channelAccountId: randomUUID() });
      expect((await refusal(call)).reason).toBe('CHANNEL_ACCOUNT_NOT_FOUND');
    });

    it('INVALID_FIELD: what is no id', async () => {
      const error = await refusal(configurations.getChannelAccount({ channelAccountId: 'one' }));
      expect(faultsOf(error)).toEqual(['channel_account_id FIELD_MALFORMED']);
    });

    it('lists the newest first, page by page', async () => {
      const made: string[] = [];
      for (let count = 0; count < 5; count += 1) {
        made.unshift((await createdAccount(configurations, accountCreation(service))).id);
      }
      const seen: string[][] = [];
      let pageToken = '';
      do {
        const page: ListChannelAccountsResponse = await configurations.listChannelAccounts({ pageSize: 2, pageToken });
        seen.push(page.channelAccounts.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(seen).toEqual([made.slice(0, 2), made.slice(2, 4), made.slice(4)]);
      expect(await configurations.listChannelAccounts({ pageSize: 5, pageToken: '' })).toMatchObject({
        nextPageToken: '',
      });
    });

    it('goes on where a page ended, whatever was created since, and shows no other organisation’s', async () => {
      const [older, newer] = [accountCreation(service), accountCreation(service)];
      const first = await createdAccount(configurations, older);
      await createdAccount(configurations, newer);
      const { nextPageToken } = await configurations.listChannelAccounts({ pageSize: 1, pageToken: '' });
      await createdAccount(configurations, accountCreation(service));
      const rest = { pageSize: 1, pageToken: nextPageToken };
      expect(await configurations.listChannelAccounts(rest)).toEqual({ channelAccounts: [first], nextPageToken: '' });
      const stranger = service.as({ org: randomUUID() });
      expect(await stranger.listChannelAccounts(rest)).toEqual({ channelAccounts: [], nextPageToken: '' });
    });

    it('PAGE_TOKEN_INVALID: a token that no list gave', async () => {
      const call = configurations.listChannelAccounts({ pageSize: 0, pageToken: 'nonsense' });
      expect((await refusal(call)).reason).toBe('PAGE_TOKEN_INVALID');
    });
  });

  describe('UpdateChannelAccount', () => {
    it('changes the name of a valid account, which stays valid', async () => {
      const account = await validAccount(service, configurations);
      service.clock.advance(1_000);
      const { channelAccount } = await update(account.id, { displayName: ' New ' });
      expect(channelAccount).toEqual({ ...account, displayName: 'New', updateTime: service.clock.now() });
      expect(await configurations.getChannelAccount({ channelAccountId: account.id })).toEqual({ channelAccount });
    });

    it('asks for a new validation when the address changes, and not when it stays', async () => {
      const { id, apiBaseUrl } = await validAccount(service, configurations);
      const same = await update(id, { apiBaseUrl });
      expect(same.channelAccount?.state).toBe(ChannelAccount_State.VALID);
      const moved = await update(id, { apiBaseUrl: '' }, ['api_base_url']);
      expect(moved.channelAccount).toMatchObject({ apiBaseUrl: '', state: ChannelAccount_State.UNVALIDATED });
    });

    it('changes limits of a valid account, which stays valid, and takes them away where the mask names them', async () => {
      const { id } = await validAccount(service, configurations);
      const limited = await update(id, { segmentsPerSecond: 75, messagesPerDay: 200_000 });
      expect(limited.channelAccount).toMatchObject({
        ...{ segmentsPerSecond: 75, messagesPerDay: 200_000, state: ChannelAccount_State.VALID },
      });
      const paced = await update(id, {}, ['messages_per_day']);
      expect(paced.channelAccount).toMatchObject({ segmentsPerSecond: 75, messagesPerDay: 0 });
    });

    it('leaves a disabled account disabled when its address changes', async () => {
      const { id } = await validAccount(service, configurations);
      await configurations.disableChannelAccount({ channelAccountId: id });
      const moved = await update(id, { apiBaseUrl: 'https://other.example' });
      expect(moved.channelAccount?.state).toBe(ChannelAccount_State.DISABLED);
    });

    it('FIELD_MASK_INVALID: what may not change', async () => {
      const { id } = await createdAccount(configurations, accountCreation(service));
      const error = await refusal(update(id, {}, ['provider_account_id', 'display_name']));
      expect(error.reason).toBe('FIELD_MASK_INVALID');
      expect(faultsOf(error)).toEqual(['update_mask.paths[0] FIELD_IMMUTABLE']);
    });

    it('takes back an account as it was read, and what changes nothing is no change', async () => {
      const account = await validAccount(service, configurations);
      service.clock.advance(1_000);
      expect(await update(account.id, account)).toEqual({ channelAccount: account });
    });

    it('INVALID_FIELD: without a mask, what stays as it was created with', async () => {
      const { id } = await createdAccount(configurations, accountCreation(service));
      const others = { provider: Provider.X, providerAccountId: `AC${'0'.repeat(32)}`, displayName: 'New' };
      expect(faultsOf(await refusal(update(id, others)))).toEqual([
        'channel_account.provider FIELD_IMMUTABLE',
        'channel_account.provider_account_id FIELD_IMMUTABLE',
      ]);
      expect(await update(id, others, ['display_name'])).toMatchObject({ channelAccount: { displayName: 'New' } });
    });

    it('forgets why it was refused when it is moved: that was another server', async () => {
      const known = { ...atTwilio(service), credentials: twilioCredentials('wrong') };
      const { id } = await createdAccount(configurations, accountCreation(service, {}, known));
      await configurations.validateChannelAccount({ channelAccountId: id });
      const moved = await update(id, { apiBaseUrl: 'https://other.example' });
      expect(moved.channelAccount).toMatchObject({ state: ChannelAccount_State.UNVALIDATED, validationError: '' });
    });

    it('INVALID_FIELD: a change is checked as a creation is', async () => {
      const error = await refusal(update('', { apiBaseUrl: 'ftp://x' }, ['api_base_url', 'display_name']));
      expect(faultsOf(error)).toEqual([
        'channel_account.id FIELD_REQUIRED',
        'channel_account.display_name FIELD_REQUIRED',
        'channel_account.api_base_url URL_NOT_ALLOWED',
      ]);
    });

    it('CHANNEL_ACCOUNT_NAME_TAKEN: by another account, not by itself', async () => {
      const { displayName } = await createdAccount(configurations, accountCreation(service));
      const { id, displayName: own } = await createdAccount(configurations, accountCreation(service));
      expect((await refusal(update(id, { displayName }))).reason).toBe('CHANNEL_ACCOUNT_NAME_TAKEN');
      expect((await update(id, { displayName: own.toUpperCase() })).channelAccount?.displayName).toBe(
        own.toUpperCase(),
      );
    });
  });

  describe('RotateChannelAccountCredentials', () => {
    it('counts a version, and asks for a new validation', async () => {
      const account = await validAccount(service, configurations);
      const { channelAccount } = await configurations.rotateChannelAccountCredentials(rotation(account.id));
      expect(channelAccount).toEqual({
        ...account,
        credentialVersion: 2,
        state: ChannelAccount_State.UNVALIDATED,
      });
    });

    it('rotates once for a request id, and REQUEST_ID_REUSED for other content', async () => {
      const { id } = await createdAccount(configurations, accountCreation(service));
      const request = rotation(id);
      const calls = [1, 2].map(() => configurations.rotateChannelAccountCredentials(request));
      const [one, other] = (await Promise.all(calls)) as [unknown, unknown];
      expect(other).toEqual(one);
      const again: RotateChannelAccountCredentialsResponse =
        await configurations.rotateChannelAccountCredentials(request);
      expect(again.channelAccount?.credentialVersion).toBe(2);
      const reused = { ...request, credentials: twilioCredentials('another') };
      const error = await refusal(configurations.rotateChannelAccountCredentials(reused));
      expect(error.reason).toBe('REQUEST_ID_REUSED');
    });

    it('gives two rotations at once a version each', async () => {
      const { id } = await createdAccount(configurations, accountCreation(service));
      const answers = await Promise.all([1, 2].map(() => configurations.rotateChannelAccountCredentials(rotation(id))));
      expect(answers.map(({ channelAccount }) => channelAccount?.credentialVersion).sort()).toEqual([2, 3]);
    });

    it('leaves a disabled account disabled', async () => {
      const { id } = await createdAccount(configurations, accountCreation(service));
      await configurations.disableChannelAccount({ channelAccountId: id });
      const { channelAccount } = await configurations.rotateChannelAccountCredentials(rotation(id));
      expect(channelAccount?.state).toBe(ChannelAccount_State.DISABLED);
    });

    it('INVALID_FIELD, CHANNEL_ACCOUNT_NOT_FOUND', async () => {
      const malformed = { requestId: '', channelAccountId: '', credentials: undefined };
      expect(faultsOf(await refusal(configurations.rotateChannelAccountCredentials(malformed)))).toEqual([
        'request_id FIELD_REQUIRED',
        'channel_account_id FIELD_REQUIRED',
        'credentials.twilio FIELD_REQUIRED',
      ]);
      const unknown = configurations.rotateChannelAccountCredentials(rotation(randomUUID()));
      expect((await refusal(unknown)).reason).toBe('CHANNEL_ACCOUNT_NOT_FOUND');
    });
  });

  describe('DisableChannelAccount', () => {
    it('stops an account, and again without a change', async () => {
      const { id } = await validAccount(service, configurations);
      const { channelAccount } = await configurations.disableChannelAccount({ channelAccountId: id });
      expect(channelAccount?.state).toBe(ChannelAccount_State.DISABLED);
      service.clock.advance(1_000);
      expect(await configurations.disableChannelAccount({ channelAccountId: id })).toEqual({ channelAccount });
    });
  });
});
