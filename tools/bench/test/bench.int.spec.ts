import { twilioSms } from '@herald/channels';
import { eventually } from '@herald/testing';
import { bareLoop, postOf, reportingTo } from '../src/ceilings';
import { collectorProcess, sinkProcess, verifierProcess } from '../src/provider/processes';
import { runBench } from '../src/run-bench';
import { SCENARIOS } from '../src/scenarios';

const AUTH_TOKEN = '0123456789abcdef0123456789abcdef';
const BENCH_MS_MAX = 240_000;

describe('the parts of the bench', () => {
  const stops: (() => Promise<void>)[] = [];
  const kept = async <T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> => {
    const part = await starting;
    stops.push(() => part.stop());
    return part;
  };

  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  const sendOne = async (apiBaseUrl: string) => {
    const adapter = twilioSms();
    try {
      return await adapter.send(
        {
          ...{ to: '+4915100000000', from: '10001', body: 'Hello.', validForSeconds: 60 },
          statusCallbackUrl: 'http://127.0.0.1:9/v1/status/a?m=0d9f8a56-5f4e-4d0c-9a63-3d3f3a1a9c11&a=1#rc=5&rp=all',
        },
        { accountId: `AC${'0'.repeat(32)}`, secret: AUTH_TOKEN, apiBaseUrl },
        () => true,
      );
    } finally {
      await adapter.close();
    }
  };
  const loop = { by: 'request', connections: 4, seconds: 0.2 } as const;

  it('take what the product’s adapter sends, count it and note it', async () => {
    const sink = await kept(sinkProcess({ delayMs: 0, noteEvery: 1 }));
    const outcomes = [await sendOne(sink.url), await sendOne(sink.url)];
    expect(outcomes).toMatchObject([{ kind: 'accepted', status: 'queued' }, { kind: 'accepted' }]);
    expect(outcomes[0]).not.toEqual(outcomes[1]);
    expect(await sink.counts()).toMatchObject({ taken: 2, openMax: 1 });
    const [note] = await sink.notes();
    expect(note).toMatchObject({ messageId: '0d9f8a56-5f4e-4d0c-9a63-3d3f3a1a9c11' });
    await sink.forget();
    expect(await sink.counts()).toMatchObject({ taken: 0 });
  });

  it('send again, in a bare loop, the very request of the adapter', async () => {
    const sink = await kept(sinkProcess({ delayMs: 0, noteEvery: 64 }));
    await sendOne(sink.url);
    const first = await sink.lastMessage();
    await sink.forget();
    if (!first) throw new Error('nothing came');
    const { messages } = await bareLoop({ ...loop, origin: sink.url, request: postOf(first) });
    expect(messages).toBeGreaterThan(0);
    expect(await sink.counts()).toMatchObject({ taken: messages, connections: loop.connections });
    const again = await sink.lastMessage();
    const sorted = (head = '') => head.toLowerCase().split('\r\n').toSorted();
    expect({ ...again, head: sorted(again?.head) }).toEqual({ ...first, head: sorted(first.head) });
  });

  it('have every message of the end-to-end ceiling reported twice, signed, and verified', async () => {
    const callbacks = { authToken: AUTH_TOKEN, connections: 4 };
    const sink = await kept(sinkProcess({ delayMs: 0, noteEvery: 64, callbacks }));
    const verifier = await kept(verifierProcess({ authToken: AUTH_TOKEN }));
    const plain = await kept(sinkProcess({ delayMs: 0, noteEvery: 64 }));
    await sendOne(plain.url);
    const message = await plain.lastMessage();
    if (!message) throw new Error('nothing came');
    const { messages } = await bareLoop({
      ...{ ...loop, origin: sink.url, request: reportingTo(verifier.url, postOf(message)), windowMax: 10 },
      completed: async () => Math.floor((await sink.counts()).callbacks.answered / 2),
    });
    expect(await verifier.counts()).toEqual({ verified: 2 * messages, refused: 0 });
  });

  it('keep as many messages under way at a slow provider as there are connections', async () => {
    const sink = await kept(sinkProcess({ delayMs: 100, noteEvery: 64 }));
    await sendOne(sink.url);
    const message = await sink.lastMessage();
    if (!message) throw new Error('nothing came');
    await bareLoop({ ...loop, origin: sink.url, request: postOf(message) });
    expect(await sink.counts()).toMatchObject({ openMax: loop.connections });
  });

  it('swallow traces, and tell that some came', async () => {
    const collector = await kept(collectorProcess());
    await fetch(`${collector.url}/v1/traces`, { method: 'POST', body: '{}' });
    await eventually(async () => expect(await collector.exports()).toBe(1));
  });
});

describe('a short bench of the one-process system', () => {
  it(
    'settles what it had accepted in every scenario, and says what it measured',
    async () => {
      const said: string[] = [];
      const line = await runBench({
        ...{
          bus: 'in-process',
          scenarios: SCENARIOS,
          runs: 1,
          sizes: { seconds: 0.2, messages: 500, backlog: 500, organisations: 3 },
        },
        ...{ env: { HERALD_LOG_LEVEL: 'silent' }, print: (text) => void said.push(text) },
      });
      expect(said.join('\n')).not.toContain('FAULT');
      expect(said.join('\n')).toContain('fsync on, synchronous_commit on');
      expect(line).toMatchObject({ bus: 'in-process', faults: 0 });
      expect(Object.entries(line).filter(([, value]) => value === null)).toEqual([]);
    },
    BENCH_MS_MAX,
  );
});
