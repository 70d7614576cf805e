import { createHash, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { ProviderCallbacks } from '@herald/contracts/event';
import { Provider } from '@herald/contracts/type';
import { configureLogs } from '@herald/telemetry';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks';
import {
  callback,
  FORM,
  givenAccount,
  PUBLIC_URL,
  runningGateway,
  statusOf,
  type Answer,
  type RunningGateway,
} from './running-gateway';

describe('status callbacks', () => {
  let gateway: RunningGateway;

  beforeAll(async () => {
    // What fails here is meant to.
    configureLogs({ level: 'silent' });
    gateway = await runningGateway();
  });
  beforeEach(() => {
    gateway.records.length = 0;
    gateway.bus.isDown = false;
    gateway.configurations.isDown = false;
  });
  afterAll(() => gateway.stop());

  const known = (changes: Parameters<typeof givenAccount>[0] = {}) => {
    const given = givenAccount(changes);
    gateway.configurations.accounts.set(given.segment, given.account);
    return given;
  };
  const published = () => gateway.records.flatMap(({ payload }) => ProviderCallbacks.decode(payload).callbacks);
  const expectRefused = (answer: Answer, status: number) => {
    expect({ status: answer.status, body: answer.body }).toEqual({ status, body: '' });
    expect(gateway.records).toEqual([]);
  };

  it('P6 S6: publishes a signed callback with our ids, and answers 200 with nothing', async () => {
    const given = known();
    const messageId = randomUUID();
    const parameters = statusOf(given.account, { MessageStatus: 'failed', ErrorCode: '30003' });
    const answer = await gateway.send(callback(given, { query: `?m=${messageId}&a=2`, parameters }));
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: '' });
    expect(published()).toEqual([
      {
        orgId: given.account.orgId,
        channelAccountId: given.account.channelAccountId,
        provider: Provider.TWILIO,
        messageId,
        attempt: 2,
        providerMessageId: parameters.MessageSid,
        providerStatus: 'failed',
        providerErrorCode: '30003',
        receiveTime: gateway.clock.now(),
        traceparent: '',
      },
    ]);
    expect(gateway.records).toMatchObject([
      {
        topic: 'herald.callback.v1',
        type: 'herald.event.v1.ProviderCallbacks',
        source: 'webhook-gateway',
        time: gateway.clock.now(),
      },
    ]);
  });

  it.each([
    ['none', ''],
    ['no uuid', '?m=42&a=1'],
    ['no attempt', `?m=${randomUUID()}`],
    ['attempt 0', `?m=${randomUUID()}&a=0`],
    ['an odd attempt', `?m=${randomUUID()}&a=1e1`],
  ])('publishes a callback without our ids when its URL has them wrong: %s', async (_what, query) => {
    const given = known();
    expect(await gateway.send(callback(given, { query }))).toMatchObject({ status: 200 });
    expect(published()).toMatchObject([{ messageId: '', attempt: 0 }]);
  });

  it('takes a repeat as it took the first, under an id of its own', async () => {
    const sent = callback(known());
    expect(await gateway.send(sent)).toMatchObject({ status: 200 });
    expect(await gateway.send(sent)).toMatchObject({ status: 200 });
    expect(new Set(gateway.records.map(({ id }) => id)).size).toBe(2);
  });

  it('S6: refuses a body that was altered', async () => {
    const sent = callback(known());
    expectRefused(await gateway.send({ ...sent, body: sent.body.replace('delivered', 'undelivered') }), 403);
  });

  it('S6: refuses a query that was altered', async () => {
    const sent = callback(known(), { query: `?m=${randomUUID()}&a=1` });
    expectRefused(await gateway.send({ ...sent, target: sent.target.replace('a=1', 'a=2') }), 403);
  });

  it('S6: verifies the query in the characters it was sent in', async () => {
    const sent = callback(known(), { query: '?m=%61&x=%2f%2F+%20&&a=1&a=2' });
    expect(await gateway.send(sent)).toMatchObject({ status: 200 });
    gateway.records.length = 0;
    expectRefused(await gateway.send({ ...sent, target: sent.target.replace('%2f', '%2F') }), 403);
  });

  it('S6: refuses a callback that is not signed, or signed by another secret', async () => {
    const given = known();
    expectRefused(await gateway.send({ ...callback(given), signature: null }), 403);
    expectRefused(await gateway.send(callback(given, { secret: 'another' })), 403);
    expectRefused(await gateway.send({ ...callback(given), signature: '' }), 403);
  });

  it('S6: believes the configured URL alone, whatever Host and X-Forwarded headers say', async () => {
    const given = known();
    const spoofed = {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'http',
      'x-original-url': '/elsewhere',
    };
    expect(await gateway.send({ ...callback(given), headers: spoofed })).toMatchObject({ status: 200 });
    gateway.records.length = 0;
    const sent = callback(given);
    const forEvil = getExpectedTwilioSignature(
      given.account.verificationKeys[0] ?? '',
      `http://evil.example${sent.target}`,
      statusOf(given.account),
    );
    expectRefused(await gateway.send({ ...sent, signature: forEvil, headers: spoofed }), 403);
  });

  it('S6: takes both secrets while credentials are rotated, and the old one no more within 5 s of its end', async () => {
    const given = known({ verificationKeys: ['new', 'old'] });
    expect(await gateway.send(callback(given, { secret: 'new' }))).toMatchObject({ status: 200 });
    expect(await gateway.send(callback(given, { secret: 'old' }))).toMatchObject({ status: 200 });
    gateway.configurations.accounts.set(given.segment, { ...given.account, verificationKeys: ['new'] });
    gateway.clock.advance(5_000);
    gateway.records.length = 0;
    expectRefused(await gateway.send(callback(given, { secret: 'old' })), 403);
    expect(await gateway.send(callback(given, { secret: 'new' }))).toMatchObject({ status: 200 });
  });

  it('S6: verifies before it reads: a JSON body, however deep, is never parsed', async () => {
    const given = known();
    const target = `/v1/twilio/status/${given.segment}`;
    const body = '['.repeat(60_000);
    expectRefused(await gateway.send({ target, body, contentType: 'application/json', signature: 'x' }), 403);
    const named = `${target}?bodySHA256=${createHash('sha256').update(body).digest('hex')}`;
    const signature = getExpectedTwilioSignature(given.account.verificationKeys[0] ?? '', PUBLIC_URL + named, {});
    expectRefused(await gateway.send({ target: named, body, contentType: 'application/json', signature }), 400);
  });

  it('S7: refuses a callback of another account, though the path and the signature are right', async () => {
    const given = known();
    const parameters = statusOf(given.account, { AccountSid: 'AC00000000000000000000000000000000' });
    expectRefused(await gateway.send(callback(given, { parameters })), 403);
  });

  it("S7: refuses one account's callback on the path of another", async () => {
    const [one, other] = [known(), known()];
    const sent = callback(one);
    expectRefused(await gateway.send({ ...sent, target: sent.target.replace(one.segment, other.segment) }), 403);
  });

  it.each([
    ['no status', { MessageStatus: '', SmsStatus: '' }],
    ['an id that is none', { MessageSid: 'SM\u0000' }],
    ['a status that is no word', { MessageStatus: 'deli\u0000vered' }],
    ['a code that is none', { ErrorCode: "30003'; --" }],
  ])('answers 400 to a signed body that is no status callback: %s', async (_what, changes) => {
    const given = known();
    expectRefused(await gateway.send(callback(given, { parameters: statusOf(given.account, changes) })), 400);
  });

  it('S25: answers every refusal alike, so that nobody learns which path there is', async () => {
    const given = known();
    const refusals = [
      await gateway.send(callback(givenAccount())),
      await gateway.send({ ...callback(given), signature: null }),
      await gateway.send(callback(given, { parameters: statusOf(given.account, { AccountSid: 'ACelse' }) })),
      await gateway.send({ target: '/v1/twilio/status/short', body: 'a=b' }),
      await gateway.send({ target: `/v1/twilio/status/${'x'.repeat(5_000)}`, body: 'a=b' }),
      await gateway.send({ target: `/v1/twilio/status/${given.segment}` }),
    ];
    const shapes = refusals.map(({ status, body, headers: { date: _date, ...headers } }) => ({
      status,
      body,
      headers,
    }));
    for (const shape of shapes) expect(shape).toEqual(shapes[0]);
    expect(shapes[0]).toMatchObject({ status: 403, body: '' });
    expect(shapes[0]?.headers).not.toHaveProperty('server');
  });

  it('S25: answers 503 with nothing while the bus takes nothing, and 200 when it does again', async () => {
    const sent = callback(known());
    gateway.bus.isDown = true;
    expectRefused(await gateway.send(sent), 503);
    gateway.bus.isDown = false;
    expect(await gateway.send(sent)).toMatchObject({ status: 200 });
  });

  it('S25: answers 503 while configuration-service does not tell, and remembers no failure', async () => {
    const given = known();
    gateway.configurations.isDown = true;
    expectRefused(await gateway.send(callback(given)), 503);
    gateway.configurations.isDown = false;
    expect(await gateway.send(callback(given))).toMatchObject({ status: 200 });
    expect(gateway.configurations.callers[0]).toEqual({ kind: 'service', service: 'gateway', org: undefined });
  });

  it('S20: takes a body of 64 KiB, and answers 413 to one byte more', async () => {
    const given = known();
    const padded = (bytes: number) => {
      const parameters = statusOf(given.account, { Pad: '' });
      const empty = new URLSearchParams(parameters).toString().length;
      return callback(given, { parameters: { ...parameters, Pad: 'x'.repeat(bytes - empty) } });
    };
    expect(padded(65_536).body).toHaveLength(65_536);
    expect(await gateway.send(padded(65_536))).toMatchObject({ status: 200 });
    gateway.records.length = 0;
    expectRefused(await gateway.send(padded(65_537)), 413);
  });

  it('S20: unpacks nothing: a compressed body is taken for the bytes that came', async () => {
    const sent = callback(known());
    const headers = { 'content-encoding': 'gzip' };
    expectRefused(await gateway.send({ ...sent, body: gzipSync(sent.body), headers }), 403);
  });

  it.each(['text/plain', 'text/xml', 'multipart/form-data; boundary=x'])(
    'S20: answers 415 to a body of type %s',
    async (contentType) => {
      expectRefused(await gateway.send({ ...callback(known()), contentType }), 415);
    },
  );

  it('takes a form whose type names a charset', async () => {
    const answer = await gateway.send({ ...callback(known()), contentType: `${FORM}; charset=UTF-8` });
    expect(answer).toMatchObject({ status: 200 });
  });

  it('S20: asks once in 5 s about a path that leads nowhere, and never about what cannot be a path', async () => {
    const stranger = givenAccount();
    const before = gateway.configurations.questions.length;
    const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.send(callback(stranger))));
    for (const answer of answers) expectRefused(answer, 403);
    expectRefused(await gateway.send(callback(stranger)), 403);
    for (const segment of ['short', 'a'.repeat(65), `${'a'.repeat(30)}.`, 'a%00'.padEnd(30, 'a')]) {
      expectRefused(await gateway.send({ target: `/v1/twilio/status/${segment}`, body: 'a=b' }), 403);
    }
    expect(gateway.configurations.questions.slice(before)).toEqual([stranger.segment]);
    gateway.clock.advance(5_000);
    gateway.configurations.accounts.set(stranger.segment, stranger.account);
    expect(await gateway.send(callback(stranger))).toMatchObject({ status: 200 });
    expect(gateway.configurations.asked(stranger.segment)).toBe(2);
  });

  it('S20: shares one question among the callbacks of an account that come at once', async () => {
    const given = known();
    const answers = await Promise.all(Array.from({ length: 20 }, () => gateway.send(callback(given))));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(gateway.configurations.asked(given.segment)).toBe(1);
  });

  it('S20: has no other door', async () => {
    const { target, body, signature } = callback(known());
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      expectRefused(await gateway.send({ method, target }), 404);
    }
    for (const other of ['/', '/healthz', target.replace('status', 'inbound'), `${target}/`, target.toUpperCase()]) {
      expectRefused(await gateway.send({ target: other, body, signature }), 404);
    }
  });

  it('S25: answers a path that is no URL with a number alone', async () => {
    expectRefused(await gateway.send({ target: '/v1/twilio/status/%zz', body: 'a=b' }), 400);
  });
});
