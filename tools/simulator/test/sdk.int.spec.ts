import twilio from 'twilio';
import { SAMPLE_ACCOUNT } from '../src';
import { Bench, post, sdk, untilIdle } from './support';

const TO = '+14155550123';
const SERVICE = 'MGdecade00decade00decade00decade00';

describe('the official SDK against the simulator', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('creates, fetches and lists a message', async () => {
    const { url } = await bench.simulator();
    const client = sdk(url);
    const created = await client.messages.create({ to: TO, from: '12345', body: 'hello' });
    expect(created).toMatchObject({
      status: 'queued',
      to: TO,
      from: '12345',
      body: 'hello',
      numSegments: '1',
      direction: 'outbound-api',
      errorCode: null,
    });
    expect(created.sid).toMatch(/^SM[0-9a-f]{32}$/);
    expect(created.dateSent).toBeNull();
    await untilIdle(url);
    const fetched = await client.messages(created.sid).fetch();
    expect(fetched).toMatchObject({ sid: created.sid, status: 'delivered' });
    expect(fetched.dateSent).toBeInstanceOf(Date);
    expect((await client.messages.list()).map(({ sid }) => sid)).toEqual([created.sid]);
  });

  it('filters by recipient, sender and date, and pages newest first', async () => {
    const { url } = await bench.simulator();
    const client = sdk(url);
    for (let index = 0; index < 7; index += 1) {
      await client.messages.create({
        to: index === 3 ? '+14155550199' : TO,
        from: index === 5 ? '54321' : '12345',
        body: String(index),
      });
    }
    await untilIdle(url);
    expect((await client.messages.list({ pageSize: 3 })).map(({ body }) => body)).toEqual([
      '6',
      '5',
      '4',
      '3',
      '2',
      '1',
      '0',
    ]);
    expect(await client.messages.list({ to: '+14155550199' })).toHaveLength(1);
    expect(await client.messages.list({ from: '54321' })).toHaveLength(1);
    const hourAgo = new Date(Date.now() - 3_600_000);
    expect(await client.messages.list({ dateSentAfter: hourAgo })).toHaveLength(7);
    expect(await client.messages.list({ dateSentBefore: hourAgo })).toHaveLength(0);
    const today = `${url}/2010-04-01/Accounts/${SAMPLE_ACCOUNT.sid}/Messages.json?DateSent=${new Date().toISOString().slice(0, 10)}`;
    const authorization = `Basic ${Buffer.from(`${SAMPLE_ACCOUNT.sid}:${SAMPLE_ACCOUNT.authToken}`).toString('base64')}`;
    const page = (await (await fetch(today, { headers: { authorization } })).json()) as {
      messages: unknown[];
      next_page_uri: unknown;
    };
    expect(page.messages).toHaveLength(7);
    expect(page.next_page_uri).toBeNull();
  });

  it('signs callbacks so that the SDK accepts them', async () => {
    const { url } = await bench.simulator();
    const webhook = await bench.webhook();
    const callback = `${webhook.url}/status/a%20b?m=one&a=1`;
    await sdk(url).messages.create({ to: TO, from: '12345', body: 'hello', statusCallback: `${callback}#rc=5&rp=all` });
    await untilIdle(url);
    expect(webhook.received.map(({ parameters }) => parameters['MessageStatus'])).toEqual([
      'sending',
      'sent',
      'delivered',
    ]);
    for (const { url: requested, headers, parameters } of webhook.received) {
      expect(requested).toBe(callback);
      const signature = String(headers['x-twilio-signature']);
      expect(twilio.validateRequest(SAMPLE_ACCOUNT.authToken, signature, requested, parameters)).toBe(true);
    }
    expect(webhook.received.at(-1)?.parameters['RawDlrDoneDate']).toMatch(/^\d{10}$/);
  });

  it('sends through a messaging service, which chooses the sender later', async () => {
    const { url } = await bench.simulator();
    const webhook = await bench.webhook();
    const client = sdk(url);
    const created = await client.messages.create({
      to: TO,
      messagingServiceSid: SERVICE,
      body: 'hello',
      statusCallback: webhook.url,
    });
    expect(created).toMatchObject({ status: 'accepted', from: null, numSegments: '0', messagingServiceSid: SERVICE });
    await untilIdle(url);
    expect(webhook.received.map(({ parameters }) => parameters['MessageStatus'])).toEqual([
      'queued',
      'sending',
      'sent',
      'delivered',
    ]);
    const fetched = await client.messages(created.sid).fetch();
    expect(['+15005550006', '12345']).toContain(fetched.from);
    expect(fetched.numSegments).toBe('1');
  });

  it('schedules and cancels', async () => {
    const { url } = await bench.simulator();
    const client = sdk(url);
    const request = { to: TO, messagingServiceSid: SERVICE, body: 'later', scheduleType: 'fixed' as const };
    const created = await client.messages.create({ ...request, sendAt: new Date(Date.now() + 3_600_000) });
    expect(created.status).toBe('scheduled');
    expect((await client.messages(created.sid).update({ status: 'canceled' })).status).toBe('canceled');
    await expect(client.messages(created.sid).update({ status: 'canceled' })).rejects.toMatchObject({
      code: 30409,
      status: 409,
    });
    await expect(client.messages.create({ ...request, sendAt: new Date() })).rejects.toMatchObject({ code: 35114 });
  });

  it('redacts and deletes finished messages, and refuses while they are under way', async () => {
    const { url } = await bench.simulator({ statusDelay: { minMs: 60, maxMs: 60 } });
    const client = sdk(url);
    const { sid } = await client.messages.create({ to: TO, from: '12345', body: 'hello' });
    await expect(client.messages(sid).remove()).rejects.toMatchObject({ code: 20009, status: 409 });
    await untilIdle(url);
    expect((await client.messages(sid).update({ body: '' })).body).toBe('');
    expect(await client.messages(sid).remove()).toBe(true);
    await expect(client.messages(sid).fetch()).rejects.toMatchObject({ code: 20404, status: 404 });
  });

  it('shows the account, its senders and its services', async () => {
    const { url } = await bench.simulator();
    const client = sdk(url);
    expect(await client.api.v2010.accounts(SAMPLE_ACCOUNT.sid).fetch()).toMatchObject({
      sid: SAMPLE_ACCOUNT.sid,
      status: 'active',
    });
    expect(await client.incomingPhoneNumbers.list({ phoneNumber: '+15005550006' })).toMatchObject([
      { phoneNumber: '+15005550006' },
    ]);
    expect(await client.incomingPhoneNumbers.list({ phoneNumber: '+19995550006' })).toEqual([]);
    expect(await client.api.v2010.accounts(SAMPLE_ACCOUNT.sid).shortCodes.list({ shortCode: '12345' })).toMatchObject([
      { shortCode: '12345' },
    ]);
    expect(await client.messaging.v1.services(SERVICE).fetch()).toMatchObject({
      sid: SERVICE,
      accountSid: SAMPLE_ACCOUNT.sid,
    });
    await expect(client.messaging.v1.services(`MG${'0'.repeat(32)}`).fetch()).rejects.toMatchObject({ code: 20404 });
  });

  it('takes an API key, and answers 401 with 20003 to anything else', async () => {
    const { url } = await bench.simulator();
    const [[key = '', secret = ''] = []] = Object.entries(SAMPLE_ACCOUNT.apiKeys);
    expect(await sdk(url, key, secret).messages.list()).toEqual([]);
    // As with Twilio's standard keys: everything but the account itself.
    const account = sdk(url, key, secret).api.v2010.accounts(SAMPLE_ACCOUNT.sid);
    await expect(account.fetch()).rejects.toMatchObject({ code: 20003, status: 401 });
    await expect(sdk(url, key, 'wrong').messages.list()).rejects.toMatchObject({ code: 20003, status: 401 });
    const other = await fetch(`${url}/2010-04-01/Accounts/AC${'1'.repeat(32)}.json`, {
      headers: { authorization: `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}` },
    });
    expect(other.status).toBe(401);
  });

  const REFUSALS: [string, Record<string, string>, number][] = [
    ['no recipient', { To: '' }, 21604],
    ['a recipient that is no number', { To: '555' }, 21211],
    ['the magic invalid recipient', { To: '+15005550001' }, 21211],
    ['the magic unroutable recipient', { To: '+15005550002' }, 21612],
    ['the magic recipient of a closed region', { To: '+15005550003' }, 21408],
    ['the magic opted-out recipient', { To: '+15005550004' }, 21610],
    ['the magic landline recipient', { To: '+15005550009' }, 21614],
    ['no sender', { From: '' }, 21603],
    ['the magic invalid sender', { From: '+15005550001' }, 21212],
    ['the magic foreign sender', { From: '+15005550007' }, 21606],
    ['the magic full sender', { From: '+15005550008' }, 21611],
    ['a sender of nobody', { From: '+14155550000' }, 21606],
    ['a sender that is none', { From: '***' }, 21212],
    ['a pair of two channels', { To: `whatsapp:${TO}` }, 21910],
    ['no body', { Body: '' }, 21602],
    ['a body over 1600 characters', { Body: 'x'.repeat(1601) }, 21617],
    ['a callback that is no URL', { StatusCallback: 'nowhere' }, 21609],
    ['a callback whose host has an underscore', { StatusCallback: 'https://my_host.example/x' }, 21609],
    ['an unknown messaging service', { MessagingServiceSid: `MG${'0'.repeat(32)}` }, 21701],
    ['a sender outside the service', { MessagingServiceSid: SERVICE, From: '54321' }, 21712],
    ['a validity of nothing', { ValidityPeriod: '0' }, 30012],
    ['a validity over ten hours', { ValidityPeriod: '36001' }, 20001],
    ['a media address that is none', { MediaUrl: 'nowhere' }, 21620],
  ];

  it.each(REFUSALS)('refuses %s', async (_what, form, code) => {
    const { url } = await bench.simulator();
    const response = await post(url, { To: TO, ...form });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      code,
      message: expect.stringMatching(/\w/),
      more_info: `https://www.twilio.com/docs/errors/${code}`,
      status: 400,
    });
  });

  it('answers 404 with 20404 where there is nothing', async () => {
    const { url } = await bench.simulator();
    await expect(
      sdk(url)
        .messages(`SM${'0'.repeat(32)}`)
        .fetch(),
    ).rejects.toMatchObject({ code: 20404, status: 404 });
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
  });

  it('takes any well-formed sender when told to', async () => {
    const { url } = await bench.simulator({ anySender: true });
    expect((await post(url, { To: TO, From: '+14155550000' })).status).toBe(201);
  });
});
