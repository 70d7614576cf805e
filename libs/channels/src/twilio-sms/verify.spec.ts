import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { getExpectedTwilioSignature, validateRequest, validateRequestWithBody } from 'twilio/lib/webhooks/webhooks';
import type { IncomingWebhook } from '../channel-adapter';
import { STATUS_CALLBACKS } from '../test/status-callbacks';
import { isSignedByTwilio } from './verify';

const TOKEN = '0123456789abcdef0123456789abcdef';
const OTHER_TOKEN = 'fedcba9876543210fedcba9876543210';
const URL_CALLED = 'https://hooks.example.test/v1/twilio/status/acct1?m=0198f1c2-7a00-7000-8000-000000000000&a=1';
const FORM = 'application/x-www-form-urlencoded';

type Parameters = Record<string, string | string[]>;

/** The parameters of a body as Twilio's library wants them: several values of a name as a list. */
function parametersOf(body: string): Parameters {
  const form = new URLSearchParams(body);
  // Without a prototype, for a parameter may have any name.
  const parameters = Object.create(null) as Parameters;
  for (const name of form.keys()) {
    // A list of this realm: Twilio's library asks `instanceof Array`, and in jest the form's own lists are of another.
    const [first = '', ...more] = form.getAll(name);
    parameters[name] = more.length === 0 ? first : [first, ...more];
  }
  return parameters;
}

const signed = (body: string, { url = URL_CALLED, token = TOKEN } = {}) =>
  getExpectedTwilioSignature(token, url, parametersOf(body));

function webhook(body: string | Buffer, changes: Partial<IncomingWebhook> = {}): IncomingWebhook {
  const rawBody = Buffer.from(body);
  return {
    url: URL_CALLED,
    rawBody,
    contentType: FORM,
    signature: signed(rawBody.toString()),
    secrets: [TOKEN],
    ...changes,
  };
}

describe('isSignedByTwilio', () => {
  it.each([
    [
      'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
      '12345',
      'https://mycompany.com/myapp.php?foo=1&bar=2',
      {
        CallSid: 'CA1234567890ABCDE',
        Caller: '+14158675309',
        Digits: '1234',
        From: '+14158675309',
        To: '+18005551212',
      },
    ],
    [
      'bxkLWKqhcPFyu3xo3cyCKiTV5OU=',
      TOKEN,
      'https://hooks.example.test/v1/twilio/status/acct1',
      {
        AccountSid: `AC${'0'.repeat(32)}`,
        ApiVersion: '2010-04-01',
        From: '+15005550001',
        MessageSid: `SM${'0'.repeat(31)}1`,
        MessageStatus: 'delivered',
        SmsSid: `SM${'0'.repeat(31)}1`,
        SmsStatus: 'delivered',
        To: '+15005550006',
      },
    ],
  ])('S6: believes the documented signature %s', (signature, token, url, parameters) => {
    const body = new URLSearchParams(parameters).toString();
    expect(isSignedByTwilio(webhook(body, { url, signature, secrets: [token] }))).toBe(true);
    expect(isSignedByTwilio(webhook(body, { url: `${url}/`, signature, secrets: [token] }))).toBe(false);
  });

  it('S6: agrees with Twilio’s own library about any parameters, in any order, also several of one name', () => {
    const names = fc.oneof(fc.constantFrom('To', 'Body', 'body', 'Étage', ''), fc.string({ unit: 'grapheme' }));
    const values = fc.oneof(fc.constantFrom('a', 'b', '+1', ' ', 'é'), fc.string({ unit: 'grapheme' }));
    const tokens = fc.constantFrom(TOKEN, OTHER_TOKEN);
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values)), tokens, (parameters, token) => {
        const body = new URLSearchParams(parameters).toString();
        const signature = signed(body, { token });
        expect(isSignedByTwilio(webhook(body, { signature }))).toBe(token === TOKEN);
        expect(isSignedByTwilio(webhook(body, { signature, secrets: [OTHER_TOKEN, TOKEN] }))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('S6: agrees with Twilio’s own library about any change of the bytes', () => {
    const bodies = fc.constantFrom(...Object.values(STATUS_CALLBACKS));
    fc.assert(
      fc.property(bodies, fc.nat(), fc.integer({ min: 1, max: 255 }), (body, at, flip) => {
        const changed = Buffer.from(body);
        changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ flip;
        const theirs = validateRequest(TOKEN, signed(body), URL_CALLED, parametersOf(changed.toString()));
        expect(isSignedByTwilio(webhook(changed, { signature: signed(body) }))).toBe(theirs);
      }),
      { numRuns: 500 },
    );
  });

  it('S6: refuses a body with a parameter more, less or other', () => {
    const body = STATUS_CALLBACKS.sent;
    const signature = signed(body);
    for (const other of [`${body}&a=1`, body.replace(/&ApiVersion=.*/, ''), body.replaceAll('=sent', '=read'), '']) {
      expect(isSignedByTwilio(webhook(other, { signature }))).toBe(false);
    }
  });

  it('S6: refuses the signature of another URL, of its query as well', () => {
    for (const url of [
      URL_CALLED.replace('a=1', 'a=2'),
      URL_CALLED.replace('acct1', 'acct2'),
      URL_CALLED.replace('https', 'http'),
      URL_CALLED.replace('example', 'examp1e'),
    ]) {
      expect(isSignedByTwilio(webhook(STATUS_CALLBACKS.sent, { url }))).toBe(false);
    }
  });

  it.each([
    ['https://hooks.example.test/a?m=1', 'https://hooks.example.test:443/a?m=1'],
    ['http://hooks.example.test/a?m=1', 'http://hooks.example.test:80/a?m=1'],
    ['https://hooks.example.test:8443/a?m=1', 'https://hooks.example.test:8443/a?m=1'],
    ['https://Hooks.Example.test/%7Ea//b?x=%2b&y=a b', 'https://Hooks.Example.test:443/%7Ea//b?x=%2b&y=a b'],
    ['https://[2001:db8::1]/a', 'https://[2001:db8::1]:443/a'],
    ['https://hooks.example.test', 'https://hooks.example.test:443'],
  ])('S6: believes the signature of %s with and without its port', (url, withPort) => {
    const body = STATUS_CALLBACKS.sent;
    const withoutPort = withPort.replace(/:\d+(?=[/?]|$)/, '');
    for (const called of [url, withPort, withoutPort]) {
      const signature = signed(body, { url: called });
      expect(isSignedByTwilio(webhook(body, { url, signature }))).toBe(true);
    }
    const signature = signed(body, { url: withPort.replace(/:\d+(?=[/?]|$)/, ':444') });
    expect(isSignedByTwilio(webhook(body, { url, signature }))).toBe(false);
  });

  it('S6: believes both secrets during a rotation, and neither of them afterwards', () => {
    const body = STATUS_CALLBACKS.sent;
    for (const token of [TOKEN, OTHER_TOKEN]) {
      const signature = signed(body, { token });
      expect(isSignedByTwilio(webhook(body, { signature, secrets: [OTHER_TOKEN, TOKEN] }))).toBe(true);
      expect(isSignedByTwilio(webhook(body, { signature, secrets: ['a third one'] }))).toBe(false);
      expect(isSignedByTwilio(webhook(body, { signature, secrets: [] }))).toBe(false);
    }
  });

  it.each([undefined, '', '=', 'é'.repeat(14), 'A'.repeat(28), 'A'.repeat(27), 'A'.repeat(10_000)])(
    'S6: refuses the signature %j',
    (signature) => {
      expect(isSignedByTwilio(webhook(STATUS_CALLBACKS.sent, { signature }))).toBe(false);
    },
  );

  it('S6: refuses a signature that differs anywhere, or is cut off anywhere', () => {
    const signature = signed(STATUS_CALLBACKS.sent);
    for (let at = 0; at < signature.length; at += 1) {
      const changed = signature.slice(0, at) + (signature[at] === 'A' ? 'B' : 'A') + signature.slice(at + 1);
      expect(isSignedByTwilio(webhook(STATUS_CALLBACKS.sent, { signature: changed }))).toBe(false);
      expect(isSignedByTwilio(webhook(STATUS_CALLBACKS.sent, { signature: signature.slice(0, at) }))).toBe(false);
    }
    expect(isSignedByTwilio(webhook(STATUS_CALLBACKS.sent, { signature: `${signature}=` }))).toBe(false);
  });

  it.each(['application/x-www-form-urlencoded; charset=UTF-8', 'Application/X-WWW-Form-Urlencoded'])(
    'S6: reads a form by its type %s',
    (contentType) => {
      expect(isSignedByTwilio(webhook(STATUS_CALLBACKS.sent, { contentType }))).toBe(true);
    },
  );

  describe('a body that is no form', () => {
    const hashOf = (body: string) => createHash('sha256').update(body).digest('hex');
    const urlNaming = (hash: string) => `${URL_CALLED}&bodySHA256=${hash}`;
    const signedUrl = (url: string) => getExpectedTwilioSignature(TOKEN, url, {});

    it('S6: agrees with Twilio’s own library: its hash stands in the signed URL', () => {
      fc.assert(
        fc.property(fc.json(), fc.json(), (body, other) => {
          const url = urlNaming(hashOf(other));
          const signature = signedUrl(url);
          const isSigned = isSignedByTwilio(webhook(body, { url, signature, contentType: 'application/json' }));
          expect(isSigned).toBe(validateRequestWithBody(TOKEN, signature, url, body));
          expect(isSigned).toBe(body === other);
          const own = webhook(other, { url, signature, contentType: 'application/json; charset=utf-8' });
          expect(isSignedByTwilio(own)).toBe(true);
        }),
      );
    });

    it.each(['application/json', 'text/plain', ''])(
      'S6: refuses one of the type %j whose hash stands nowhere, or not in a signed URL',
      (contentType) => {
        const body = '{"a":1}';
        const signature = signedUrl(URL_CALLED);
        expect(isSignedByTwilio(webhook(body, { signature, contentType }))).toBe(false);
        const url = urlNaming(hashOf(body));
        expect(isSignedByTwilio(webhook(body, { url, signature, contentType }))).toBe(false);
        expect(isSignedByTwilio(webhook(body, { url, signature: signedUrl(url), contentType }))).toBe(true);
      },
    );
  });
});
