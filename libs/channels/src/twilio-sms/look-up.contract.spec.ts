import twilio, { RequestClient } from 'twilio';
import type { AccountAccess, ChannelAdapter, SoughtMessage } from '../channel-adapter';
import {
  answer,
  endlessAnswer,
  halfAnAnswer,
  ProviderDouble,
  reset,
  silence,
  type Behaviour,
} from '../test/provider-double';
import { twilioSms } from './twilio-sms';

const ACCOUNT = `AC${'0'.repeat(32)}`;
const SECRET = '0123456789abcdef0123456789abcdef';
const SERVICE = `MG${'0'.repeat(32)}`;
const sidOf = (number: number) => `SM${String(number).padStart(32, '0')}`;
const sought: SoughtMessage = {
  to: '+14255550123',
  from: '+15005550006',
  body: 'Dear Ana & Luís, order "A-1" is here: 5 € + ☕️',
  sentAfter: new Date('2026-11-24T22:59:59.400Z'),
  sentBefore: new Date('2026-11-24T23:01:00Z'),
};
/** A message as the list shows it: the one sought, but for the changes. */
const listed = (changes: Record<string, unknown> = {}) => ({
  ...{ sid: sidOf(1), account_sid: ACCOUNT, to: sought.to, from: sought.from, body: sought.body, status: 'delivered' },
  ...{ direction: 'outbound-api', error_code: null, messaging_service_sid: null },
  ...{ date_created: 'Tue, 24 Nov 2026 23:00:00 +0000', ...changes },
});
const report = (changes: Record<string, unknown> = {}) => ({
  ...{ accountId: ACCOUNT, providerId: sidOf(1), status: 'delivered', errorCode: '' },
  ...changes,
});
const page = (messages: unknown[], next: string | null = null) => answer(200, { messages, next_page_uri: next });

describe('twilioSms look-ups', () => {
  const provider = new ProviderDouble();
  let access: AccountAccess;
  let adapter: ChannelAdapter;
  beforeAll(async () => {
    access = { accountId: ACCOUNT, secret: SECRET, apiBaseUrl: await provider.start() };
    adapter = twilioSms({ connectMs: 1_000, totalMs: 1_000, connections: 1 });
  });
  afterAll(async () => {
    await adapter.close();
    await provider.stop();
  });
  beforeEach(() => {
    provider.received.length = 0;
  });
  const { signal } = new AbortController();
  const find = (behaviour: Behaviour, changes: Partial<SoughtMessage> = {}) => {
    provider.behaviour = behaviour;
    return adapter.find({ ...sought, ...changes }, access, signal);
  };
  const lookUp = (behaviour: Behaviour) => {
    provider.behaviour = behaviour;
    return adapter.lookUp(sidOf(1), access, signal);
  };
  const found = (...candidates: object[]) => ({ kind: 'found', candidates, isComplete: true });
  /** What Twilio's own library asks. */
  const askedByTheSdk = async (ask: (client: twilio.Twilio) => Promise<unknown>) => {
    const httpClient = new RequestClient();
    const { request } = httpClient;
    httpClient.request = (options) =>
      request.call(httpClient, {
        ...options,
        uri: options.uri.replace('https://api.twilio.com', access.apiBaseUrl),
      }) as never;
    await ask(twilio(ACCOUNT, SECRET, { httpClient }));
    return provider.received.pop();
  };
  const question = (received: (typeof provider.received)[number] | undefined) => {
    const { pathname, searchParams } = new URL(received?.path ?? '', access.apiBaseUrl);
    const { method, headers } = received ?? {};
    return { method, pathname, query: Object.fromEntries(searchParams), authorization: headers?.authorization };
  };

  /** Whatever is no clear answer, from which nothing may follow. */
  const NO_ANSWERS: [string, Behaviour][] = [
    ['a 500', answer(500)],
    ['a 401', answer(401, { code: 20003 })],
    ['a 429', answer(429, { code: 20429 })],
    ['a login page', answer(200, '<html>')],
    ['half of an answer', halfAnAnswer(200, { messages: [], sid: sidOf(1), status: 'sent' })],
    ['an answer without end', endlessAnswer(200)],
    ['a reset', reset],
    ['silence', silence],
    ['an answer about something else', answer(200, { ok: true })],
  ];

  describe('find', () => {
    it('asks what Twilio’s own library asks', async () => {
      provider.behaviour = page([]);
      const { to, from } = sought;
      const filters = { to, from, dateSentAfter: new Date('2026-11-24T00:00:00Z'), pageSize: 50 };
      const theirs = await askedByTheSdk((client) => client.messages.page(filters));
      expect(await find(page([]))).toEqual(found());
      expect(question(provider.received[0])).toEqual(question(theirs));
    });

    it('names all that agree in recipient, sender, text and time', async () => {
      const failed = listed({ sid: sidOf(2), status: 'undelivered', error_code: 30003 });
      expect(await find(page([listed(), failed]))).toEqual(
        found(report(), report({ providerId: sidOf(2), status: 'undelivered', errorCode: '30003' })),
      );
    });

    it.each([
      ['another text', { body: `${sought.body} ` }],
      ['another recipient', { to: '+14255550124' }],
      ['another sender', { from: '+15005550007' }],
      ['an earlier time', { date_created: 'Tue, 24 Nov 2026 22:59:58 +0000' }],
      ['a later time', { date_created: 'Tue, 24 Nov 2026 23:01:00 +0000' }],
      ['another direction', { direction: 'inbound' }],
    ])('leaves out what has %s', async (_what, changes) => {
      expect(await find(page([listed(changes)]))).toEqual(found());
    });

    it('counts the second in which the time begins, for the list has whole seconds', async () => {
      expect(await find(page([listed({ date_created: 'Tue, 24 Nov 2026 22:59:59 +0000' })]))).toEqual(found(report()));
    });

    it('does not pass over what has no time', async () => {
      expect(await find(page([listed({ date_created: null })]))).toEqual(found(report()));
    });

    it('goes by the recipient alone where a messaging service sends, and compares the service', async () => {
      const ofService = listed({ from: '+15005550199', messaging_service_sid: SERVICE });
      expect(await find(page([ofService, listed()]), { from: SERVICE })).toEqual(found(report()));
      expect(question(provider.received[0]).query).not.toHaveProperty('From');
    });

    it('reads every page, at the host of the account and nowhere else', async () => {
      const next = 'http://elsewhere.example/2010-04-01/Messages.json?To=1&Page=1&PageToken=PASM2';
      const asked = await find((response, received) => {
        const isSecond = received.path.includes('PageToken=PASM2');
        page([listed({ sid: sidOf(isSecond ? 2 : 1) })], isSecond ? null : next)(response, received);
      });
      expect(asked).toEqual(found(report(), report({ providerId: sidOf(2) })));
      expect(question(provider.received[1])).toMatchObject({
        pathname: `/2010-04-01/Accounts/${ACCOUNT}/Messages.json`,
        query: { To: '1', Page: '1', PageToken: 'PASM2' },
      });
    });

    it('says so when the list is too long to be read to its end', async () => {
      expect(await find(page([], '/Messages.json?Page=1'))).toEqual({
        ...{ kind: 'found', candidates: [], isComplete: false },
      });
      expect(provider.received).toHaveLength(20);
    });

    it.each(NO_ANSWERS)('concludes nothing from %s', async (_what, behaviour) => {
      expect(await find(behaviour)).toMatchObject({ kind: 'unavailable' });
    });

    it('concludes nothing from the first page when the second does not come', async () => {
      const finding = await find((response, received) =>
        (received.path.includes('Page=1') ? answer(500) : page([listed()], '/?Page=1'))(response, received),
      );
      expect(finding).toMatchObject({ kind: 'unavailable' });
    });

    it('takes pages that are larger than any other answer', async () => {
      const long = { body: '€'.repeat(1_600) };
      const messages = Array.from({ length: 50 }, (_, number) => listed({ ...long, sid: sidOf(number) }));
      expect(await find(page(messages), long)).toMatchObject({ kind: 'found', candidates: { length: 50 } });
    });
  });

  describe('lookUp', () => {
    it('asks what Twilio’s own library asks', async () => {
      provider.behaviour = answer(200, listed());
      const theirs = await askedByTheSdk((client) => client.messages(sidOf(1)).fetch());
      expect(await lookUp(answer(200, listed()))).toEqual({ kind: 'report', report: report() });
      expect(question(provider.received[0])).toEqual(question(theirs));
    });

    it('tells that there is no such message', async () => {
      expect(await lookUp(answer(404, { code: 20404, status: 404 }))).toEqual({ kind: 'not_there' });
    });

    it.each([...NO_ANSWERS, ['a word about another message', answer(200, listed({ sid: sidOf(9) }))] as const])(
      'concludes nothing from %s',
      async (_what, behaviour) => {
        expect(await lookUp(behaviour)).toMatchObject({ kind: 'unavailable' });
      },
    );

    it('waits as long as the provider asks', async () => {
      expect(await lookUp(answer(429, '', { 'retry-after': '7' }))).toEqual({
        kind: 'unavailable',
        retryAfterMs: 7_000,
      });
    });
  });
});
