import fc from 'fast-check';
import twilio, { RequestClient } from 'twilio';
import type { MessageListInstanceCreateOptions } from 'twilio/lib/rest/api/v2010/account/message';
import type { AccountAccess, ChannelAdapter, OutgoingMessage, SendOutcome } from '../channel-adapter';
import { answer, halfAnAnswer, ProviderDouble } from '../test/provider-double';
import { describeSending } from '../test/sending-contract';
import { twilioSms } from './twilio-sms';

const ACCOUNT = `AC${'0'.repeat(32)}`;
const SECRET = '0123456789abcdef0123456789abcdef';
const SID = `SM${'0'.repeat(31)}1`;
const message: OutgoingMessage = {
  to: '+14255550123',
  from: '+15005550006',
  body: 'Dear Ana & Luís, order "A-1" is 100 % here: 5 € + ☕️\nHerald',
  statusCallbackUrl: 'https://hooks.example.test/v1/twilio/status/acct1?m=0198f1c2&a=1#rc=5&rp=all',
  validForSeconds: 36_000,
};
const at = (apiBaseUrl: string): AccountAccess => ({ accountId: ACCOUNT, secret: SECRET, apiBaseUrl });

describe('twilioSms, as every adapter', () => {
  describeSending({
    open: (timeouts) => twilioSms(timeouts),
    send: (adapter, url, mayLeave) => adapter.send(message, at(url), mayLeave),
    taken: { status: 201, body: { sid: SID, status: 'queued' } },
  });
});

describe('twilioSms', () => {
  const provider = new ProviderDouble();
  let url = '';
  let adapter: ChannelAdapter;
  beforeAll(async () => {
    url = await provider.start();
    adapter = twilioSms();
  });
  afterAll(async () => {
    await adapter.close();
    await provider.stop();
  });
  beforeEach(() => {
    provider.received.length = 0;
    provider.behaviour = answer(201, { sid: SID, status: 'queued' });
  });
  const send = (changes: Partial<OutgoingMessage> = {}, access: Partial<AccountAccess> = {}) =>
    adapter.send({ ...message, ...changes }, { ...at(url), ...access }, () => true);
  const outcomeOf = (status: number, body: unknown, headers = {}): Promise<SendOutcome> => {
    provider.behaviour = answer(status, body, headers);
    return send();
  };

  /** What Twilio's own library sends for a message. */
  async function sentByTheSdk(parameters: MessageListInstanceCreateOptions) {
    const httpClient = new RequestClient();
    const { request } = httpClient;
    httpClient.request = (options) =>
      request.call(httpClient, { ...options, uri: options.uri.replace('https://api.twilio.com', url) }) as never;
    await twilio(ACCOUNT, SECRET, { httpClient }).messages.create(parameters);
    return provider.received.pop();
  }
  const form = (body = '') => Object.fromEntries(new URLSearchParams(body));

  it('sends what Twilio’s own library sends', async () => {
    const { to, from, body, statusCallbackUrl, validForSeconds } = message;
    const theirs = await sentByTheSdk({
      ...{ to, from, body, statusCallback: statusCallbackUrl, validityPeriod: validForSeconds },
    });
    expect(await send()).toMatchObject({ kind: 'accepted' });
    const [ours] = provider.received;
    expect(ours).toMatchObject({
      method: theirs?.method,
      path: theirs?.path,
      headers: {
        authorization: theirs?.headers.authorization,
        'content-type': theirs?.headers['content-type'],
      },
    });
    expect(form(ours?.body)).toEqual(form(theirs?.body));
  });

  it('names a messaging service as one, and no sender beside it', async () => {
    const service = `MG${'0'.repeat(32)}`;
    await send({ from: service });
    expect(form(provider.received[0]?.body)).toMatchObject({ MessagingServiceSid: service });
    expect(form(provider.received[0]?.body)).not.toHaveProperty('From');
  });

  it('calls with the API key where there is one, for the account', async () => {
    await send({}, { apiKeySid: 'SK1', secret: 'of the key' });
    const [received] = provider.received;
    expect(received?.path).toBe(`/2010-04-01/Accounts/${ACCOUNT}/Messages.json`);
    const login = Buffer.from((received?.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();
    expect(login).toBe('SK1:of the key');
  });

  it('finds the API below any base URL, with or without a slash at its end', async () => {
    await send({}, { apiBaseUrl: `${url}/twilio/` });
    expect(provider.received[0]?.path).toBe(`/twilio/2010-04-01/Accounts/${ACCOUNT}/Messages.json`);
  });

  it.each([
    [201, 'queued', 20],
    [201, 'accepted', 10],
    [201, 'scheduled', 15],
    [200, 'sent', 40],
    [202, 'a status of tomorrow', 10],
  ])('takes a %i that says %j for acceptance, of its rank', async (status, word, rank) => {
    const expected = { kind: 'accepted', providerId: SID, status: word, rank };
    expect(await outcomeOf(status, { sid: SID, status: word })).toEqual(expected);
  });

  it('takes ids of every form that Twilio documents', async () => {
    const mms = `MM${'ABCDEF0123456789'.repeat(2)}`;
    expect(await outcomeOf(201, { sid: mms })).toMatchObject({ kind: 'accepted', providerId: mms });
    expect(await outcomeOf(201, { sid: `CA${'0'.repeat(32)}` })).toMatchObject({ kind: 'unknown' });
  });

  it.each([
    [400, 21211, 'ADDRESS_INVALID_AT_PROVIDER'],
    [400, 21610, 'OPTED_OUT_AT_PROVIDER'],
    [403, 21610, 'OPTED_OUT_AT_PROVIDER'],
    [403, 21408, 'REGION_NOT_ENABLED'],
    [400, 21606, 'SENDER_MISCONFIGURED'],
    [404, 21701, 'SENDER_MISCONFIGURED'],
    [400, 21617, 'CONTENT_REFUSED'],
    [400, 29999, 'PROVIDER_REFUSED'],
  ])('refused: a %i with number %i', async (status, code, reason) => {
    expect(await outcomeOf(status, { code, message: 'no', status })).toEqual({
      kind: 'refused',
      code: String(code),
      reason,
    });
  });

  it.each<[string, number, unknown]>([
    ['of a proxy', 400, '<html>'],
    ['without a number', 404, { detail: 'Not Found' }],
    ['with what is no number', 400, { code: '+14255550123' }],
    ['with a number of another kind', 422, { code: { value: 1 } }],
  ])('refused: an answer %s goes by its status', async (_what, status, body) => {
    expect(await outcomeOf(status, body)).toEqual({
      kind: 'refused',
      code: `HTTP_${status}`,
      reason: 'PROVIDER_REFUSED',
    });
  });

  it('refused: a refusal counts though its text broke off', async () => {
    provider.behaviour = halfAnAnswer(400, { code: 21211, message: 'no' });
    expect(await send()).toEqual({ kind: 'refused', code: 'HTTP_400', reason: 'PROVIDER_REFUSED' });
  });

  it.each<[string, Record<string, string>, number]>([
    ['no time', {}, 1_000],
    ['7 s', { 'retry-after': '7' }, 7_000],
    ['at once', { 'retry-after': '0' }, 0],
    ['a day', { 'retry-after': '86400' }, 60_000],
    ['a date', { 'retry-after': 'Wed, 21 Oct 2037 07:28:00 GMT' }, 1_000],
    ['a time gone by', { 'retry-after': '-5' }, 1_000],
    ['an empty time', { 'retry-after': '' }, 1_000],
  ])('not sent: a 429 that asks to wait for %s', async (_what, headers, retryAfterMs) => {
    expect(await outcomeOf(429, { code: 20429 }, headers)).toEqual({
      kind: 'not_sent',
      retryAfterMs,
      reason: 'THROTTLED',
    });
  });

  it('not sent: the number of too many requests, whatever the status', async () => {
    expect(await outcomeOf(400, { code: 20429 })).toMatchObject({ kind: 'not_sent', reason: 'THROTTLED' });
  });

  it.each<[number, unknown]>([
    [401, { code: 20003 }],
    [401, ''],
    [403, '<html>Forbidden</html>'],
    [403, { code: 20003 }],
    [400, { code: 20005 }],
    [404, { code: 20404 }],
  ])('not sent: a %i that speaks against the account, not the message (%j)', async (status, body) => {
    expect(await outcomeOf(status, body)).toEqual({
      kind: 'not_sent',
      retryAfterMs: 30_000,
      reason: 'ACCOUNT_AUTHENTICATION_FAILED',
    });
  });

  it('is never surer than the answer: only a 2xx with an id accepts, only a 4xx refuses or sends nothing', async () => {
    const statuses = fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204 && status !== 304);
    const bodies = fc.oneof(
      fc.record({ sid: fc.constantFrom(SID, 'SM1', 1), status: fc.string() }, { requiredKeys: [] }),
      fc.record({ code: fc.oneof(fc.constantFrom(20003, 20404, 20429, 21211, '30007'), fc.anything()) }),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(statuses, bodies, async (status, body) => {
        const { kind } = await outcomeOf(status, body);
        const isTaken = status < 300 && typeof body === 'object' && 'sid' in body && body.sid === SID;
        if (status < 300) expect(kind).toBe(isTaken ? 'accepted' : 'unknown');
        else if (status < 400 || status >= 500 || status === 408) expect(kind).toBe('unknown');
        else expect(['refused', 'not_sent']).toContain(kind);
      }),
      { numRuns: 300 },
    );
  });
});
