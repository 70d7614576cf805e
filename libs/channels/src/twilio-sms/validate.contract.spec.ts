import type { AccountAccess, ChannelAdapter } from '../channel-adapter';
import { answer, halfAnAnswer, ProviderDouble, silence, type Behaviour } from '../test/provider-double';
import { twilioSms } from './twilio-sms';

const ACCOUNT = `AC${'0'.repeat(32)}`;
const isAnAccount = (status: string) => answer(200, { sid: ACCOUNT, status });
const listing = (name: string, ...entries: Record<string, string>[]) => answer(200, { [name]: entries, page: 0 });

describe('twilioSms', () => {
  const provider = new ProviderDouble();
  let access: AccountAccess;
  let adapter: ChannelAdapter;
  beforeAll(async () => {
    access = { accountId: ACCOUNT, secret: 'token', apiBaseUrl: await provider.start() };
    adapter = twilioSms();
  });
  afterAll(async () => {
    await adapter.close();
    await provider.stop();
  });
  beforeEach(() => {
    provider.received.length = 0;
  });
  const validateAccount = (behaviour: Behaviour, changes: Partial<AccountAccess> = {}) => {
    provider.behaviour = behaviour;
    return adapter.validateAccount({ ...access, ...changes }, new AbortController().signal);
  };
  const validateSender = (sender: string, behaviour: Behaviour) => {
    provider.behaviour = behaviour;
    return adapter.validateSender(sender, access, new AbortController().signal);
  };
  const asked = () => provider.received.map(({ method, path }) => `${method} ${path.replace(ACCOUNT, '{account}')}`);

  describe('validateAccount', () => {
    it('asks for the account, which is valid while it is active', async () => {
      expect(await validateAccount(isAnAccount('active'))).toEqual({ kind: 'valid' });
      expect(asked()).toEqual(['GET /2010-04-01/Accounts/{account}.json']);
    });

    it('asks for a message with an API key, for a standard key may not look at accounts', async () => {
      const withKey = { apiKeySid: 'SK1', secret: 'of the key' };
      expect(await validateAccount(listing('messages'), withKey)).toEqual({ kind: 'valid' });
      expect(asked()).toEqual(['GET /2010-04-01/Accounts/{account}/Messages.json?PageSize=1']);
    });

    it.each<[string, Behaviour, string]>([
      ['suspended', isAnAccount('suspended'), 'ACCOUNT_SUSPENDED'],
      ['closed', isAnAccount('closed'), 'ACCOUNT_CLOSED'],
      ['in a state that is no word', isAnAccount('\0'.repeat(1_000)), 'ACCOUNT_NOT_ACTIVE'],
      ['called with wrong credentials', answer(401, { code: 20003, message: 'Authenticate' }), '20003'],
      ['not there', answer(404, { code: 20404 }), '20404'],
      ['behind what is no API', answer(404, '<html>'), 'HTTP_404'],
      ['behind a redirect', answer(301, '', { location: 'https://api.example.test/' }), 'HTTP_301'],
    ])('finds an account invalid that is %s', async (_what, behaviour, code) => {
      expect(await validateAccount(behaviour)).toEqual({ kind: 'invalid', code });
    });

    it.each<[string, Behaviour]>([
      ['fails', answer(500)],
      ['is away', answer(503)],
      ['is out of time', answer(408)],
      ['answers a page for people', answer(200, '<html>Please log in</html>')],
      ['answers with nothing', answer(200)],
      ['breaks off', halfAnAnswer(200, { sid: ACCOUNT, status: 'active' })],
    ])('judges nothing when the provider %s', async (_what, behaviour) => {
      expect(await validateAccount(behaviour)).toEqual({ kind: 'unavailable', retryAfterMs: 5_000 });
    });

    it('says when to come again, if the provider does', async () => {
      const throttled = answer(429, { code: 20429 }, { 'retry-after': '7' });
      expect(await validateAccount(throttled)).toEqual({ kind: 'unavailable', retryAfterMs: 7_000 });
    });

    it('judges nothing when its caller gives up, before or while it asks', async () => {
      const caller = new AbortController();
      provider.behaviour = (response, received) => {
        silence(response, received);
        caller.abort();
      };
      expect(await adapter.validateAccount(access, caller.signal)).toMatchObject({ kind: 'unavailable' });
      expect(await adapter.validateAccount(access, caller.signal)).toMatchObject({ kind: 'unavailable' });
      expect(provider.received).toHaveLength(1);
    });
  });

  describe('validateSender', () => {
    it.each([
      [
        '+14255550123',
        'incoming_phone_numbers',
        'phone_number',
        '/IncomingPhoneNumbers.json?PhoneNumber=%2B14255550123',
      ],
      [
        '+18005550199',
        'incoming_phone_numbers',
        'phone_number',
        '/IncomingPhoneNumbers.json?PhoneNumber=%2B18005550199',
      ],
      ['12345', 'short_codes', 'short_code', '/SMS/ShortCodes.json?ShortCode=12345'],
    ])('finds %s among the account’s own', async (sender, list, field, path) => {
      expect(await validateSender(sender, listing(list, { sid: 'PN1', [field]: sender }))).toEqual({ kind: 'valid' });
      expect(asked()).toEqual([`GET /2010-04-01/Accounts/{account}${path}`]);
    });

    it('does not take a number for another that contains it', async () => {
      const longer = { short_code: '123456', friendly_name: 'ours' };
      expect(await validateSender('12345', listing('short_codes', longer))).toEqual({
        kind: 'invalid',
        code: 'SENDER_NOT_OWNED',
      });
      const both = listing('short_codes', longer, { short_code: '12345' });
      expect(await validateSender('12345', both)).toEqual({ kind: 'valid' });
    });

    it('finds no number in an empty list', async () => {
      expect(await validateSender('+14255550123', listing('incoming_phone_numbers'))).toEqual({
        kind: 'invalid',
        code: 'SENDER_NOT_OWNED',
      });
    });

    it.each(['Herald', `MG${'0'.repeat(32)}`])('asks only for the account of %s', async (sender) => {
      expect(await validateSender(sender, isAnAccount('active'))).toEqual({ kind: 'valid' });
      expect(asked()).toEqual(['GET /2010-04-01/Accounts/{account}.json']);
    });

    it('asks nobody for what is no sender', async () => {
      expect(await validateSender('!', isAnAccount('active'))).toEqual({ kind: 'invalid', code: 'SENDER_MALFORMED' });
      expect(asked()).toEqual([]);
    });

    it('judges nothing by an answer that it cannot read', async () => {
      expect(await validateSender('12345', answer(200, 'OK'))).toMatchObject({ kind: 'unavailable' });
    });
  });
});
