import { configureLogs, logger } from '@herald/telemetry';
import { createNoopMeter, metrics, type Attributes, type MeterProvider } from '@opentelemetry/api';
import { getExpectedTwilioSignature } from 'twilio/lib/webhooks/webhooks';
import { publicServer } from './public-server';
import { receiveStatus, type ReceiveDeps } from './receive-status';
import { LOG_EVERY_MS, troubleLog } from './trouble-log';

/** Counts what is added to a counter, by verdict. */
function countingMeters(): { meters: MeterProvider; counts: Record<string, number> } {
  const counts: Record<string, number> = {};
  const add = (count: number, { verdict }: Attributes = {}) => {
    counts[String(verdict)] = (counts[String(verdict)] ?? 0) + count;
  };
  const meter = Object.assign(createNoopMeter(), { createCounter: () => ({ add }) });
  return { meters: { getMeter: () => meter }, counts };
}

const TARGET = '/v1/twilio/status/a-segment';
const PARAMETERS = { AccountSid: 'AC1', MessageSid: 'SM1', MessageStatus: 'sent' };

function givenDeps(changes: Partial<ReceiveDeps> = {}): ReceiveDeps & { errors: unknown[] } {
  const errors: unknown[] = [];
  const account = { org: 'org', channelAccountId: 'account', providerAccountId: 'AC1', secrets: ['secret'] };
  return {
    accounts: { find: () => Promise.resolve(account) },
    throttle: { admits: () => true },
    publicUrl: 'https://hooks.herald.example',
    now: () => new Date(0),
    onError: (error) => errors.push(error),
    callbacks: { publish: () => Promise.resolve() },
    errors,
    ...changes,
  };
}

const signed = () => ({
  method: 'POST' as const,
  url: TARGET,
  payload: new URLSearchParams(PARAMETERS).toString(),
  headers: {
    'content-type': 'application/x-www-form-urlencoded',
    'x-twilio-signature': getExpectedTwilioSignature('secret', `https://hooks.herald.example${TARGET}`, PARAMETERS),
  },
});

describe('publicServer', () => {
  it('S20: bounds the time, the requests and the number of connections', async () => {
    const server = publicServer(givenDeps());
    await server.ready();
    expect(server.server).toMatchObject({
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      keepAliveTimeout: 30_000,
      maxRequestsPerSocket: 10_000,
      maxConnections: 2_000,
      maxHeaderSize: 16_384,
      connectionsCheckingInterval: 1_000,
    });
    await server.close();
  });

  it('S20: answers 429 with Retry-After to a verified callback too many, and 403 to an unsigned one', async () => {
    const asked: string[] = [];
    const admits = (accountId: string) => asked.push(accountId) < 0;
    const server = publicServer(givenDeps({ throttle: { admits } }));
    const answer = await server.inject(signed());
    expect({ status: answer.statusCode, body: answer.body }).toEqual({ status: 429, body: '' });
    expect(answer.headers['retry-after']).toBe('1');
    const unsigned = await server.inject({ ...signed(), headers: { 'content-type': 'application/json' } });
    expect(unsigned.statusCode).toBe(403);
    // Who cannot sign takes nothing from an account's share.
    expect(asked).toEqual(['account']);
    await server.close();
  });

  it('answers 503 when the bus has not answered within 10 s', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      let reached = () => {};
      const atTheBus = new Promise<void>((resolve) => (reached = resolve));
      const publish = () => {
        reached();
        return new Promise<void>(() => undefined);
      };
      const deps = givenDeps();
      const server = publicServer({ ...deps, callbacks: { publish } });
      const answer = server.inject(signed());
      await atTheBus;
      await jest.advanceTimersByTimeAsync(10_000);
      expect(await answer).toMatchObject({ statusCode: 503, body: '' });
      expect(deps.errors).toHaveLength(1);
      await server.close();
    } finally {
      jest.useRealTimers();
    }
  });

  it('counts every webhook by its verdict', async () => {
    const { meters, counts } = countingMeters();
    metrics.setGlobalMeterProvider(meters);
    try {
      const send = async (changes: Partial<ReceiveDeps>, request: object = {}) => {
        const server = publicServer(givenDeps(changes));
        await server.inject({ ...signed(), ...request });
        await server.close();
      };
      const foreign = { org: 'org', channelAccountId: 'account', providerAccountId: 'AC2', secrets: ['secret'] };
      const nothing = getExpectedTwilioSignature('secret', `https://hooks.herald.example${TARGET}`, {});
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      await send({});
      await send({});
      await send({ accounts: { find: () => Promise.resolve(undefined) } });
      await send({ accounts: { find: () => Promise.resolve(foreign) } });
      await send({ accounts: { find: () => Promise.reject(new Error('away')) } });
      await send({ throttle: { admits: () => false } });
      await send({}, { headers: form });
      await send({}, { payload: '', headers: { ...form, 'x-twilio-signature': nothing } });
      await send({}, { payload: 'x'.repeat(70_000) });
      await send({}, { headers: { 'content-type': 'text/plain' } });
      const once = ['unknown_path', 'foreign_account', 'unavailable', 'throttled', 'unsigned', 'not_a_status'];
      const counted = Object.fromEntries([...once, 'too_large', 'malformed'].map((verdict) => [verdict, 1]));
      expect(counts).toEqual({ accepted: 2, ...counted });
    } finally {
      metrics.disable();
    }
  });

  it('S25: answers 500 with nothing when its own code fails, and tells of it', async () => {
    const failing = new Error('a secret in a text');
    const deps = givenDeps();
    const server = publicServer({
      ...deps,
      onError: (error) => {
        deps.errors.push(error);
        // The first call is the failure itself: that its report fails too is what reaches the last resort.
        if (deps.errors.length === 1) throw failing;
      },
      accounts: { find: () => Promise.reject(failing) },
    });
    const answer = await server.inject(signed());
    expect({ status: answer.statusCode, body: answer.body }).toEqual({ status: 500, body: '' });
    expect(deps.errors).toEqual([failing, failing]);
    await server.close();
  });
});

describe('receiveStatus', () => {
  it.each(['application/x-www-form-urlencoded', 'application/json'])(
    'S6: takes a target that is a whole URL for unsigned, and for no trouble of ours: %s',
    async (contentType) => {
      const deps = givenDeps({ publicUrl: 'http://127.0.0.1:8080' });
      const webhook = { segment: 'a-segment', rawBody: Buffer.from(signed().payload), signature: 'x' };
      const verdict = await receiveStatus(deps, { ...webhook, contentType, target: `http://evil.example${TARGET}` });
      expect(verdict).toEqual({ kind: 'unsigned', answer: 403 });
      expect(deps.errors).toEqual([]);
    },
  );
});

describe('troubleLog', () => {
  it('logs the first trouble at once, and those of the next 10 s in one line with their count', () => {
    const lines: string[] = [];
    configureLogs({ level: 'info', destination: { write: (line: string) => void lines.push(line) } });
    let now = 0;
    const tell = troubleLog(logger('spec'), () => now);
    for (let times = 0; times < 100; times += 1) tell(new Error('+4915112345678'));
    now = LOG_EVERY_MS;
    tell(new Error('+4915112345678'));
    configureLogs({ level: 'info' });
    expect(lines.map((line) => (JSON.parse(line) as { count: number }).count)).toEqual([1, 100]);
    expect(lines.join('')).not.toContain('4915112345678');
  });
});
