import { Bench, control, post, sdk, untilIdle } from './support';

const TO = '+14155550123';

interface Summary {
  receipts: number;
  maxPerAttempt: number;
  maxPerMessage: number;
  messages: number;
  repeated: Record<string, number>;
  byMessage?: Record<string, number>;
}

const summary = (url: string) => control<Summary>(url, 'GET', 'receipts/summary');

describe('faults', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it.each(['drop', 'accepted-then-dropped', 'half'])('accepts and gives no whole answer: %s', async (fault) => {
    const { url } = await bench.simulator({ faults: `${fault}:1` });
    await expect(post(url, { To: TO }).then((response) => response.json())).rejects.toThrow();
    expect(await summary(url)).toMatchObject({ receipts: 1 });
    expect(await untilIdle(url)).toMatchObject({ idle: true });
  });

  it('accepts and never answers: hang', async () => {
    const { url } = await bench.simulator({ faults: 'hang:1' });
    const giveUp = new AbortController();
    const hanging = fetch(`${url}/2010-04-01/Accounts/ACdecade00decade00decade00decade00/Messages.json`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('ACdecade00decade00decade00decade00:0123456789abcdef0123456789abcdef').toString('base64')}`,
      },
      body: new URLSearchParams({ To: TO, From: '12345', Body: 'hello' }),
      signal: giveUp.signal,
    });
    const outcome = expect(hanging).rejects.toThrow();
    let receipts = 0;
    while (receipts === 0) ({ receipts } = await summary(url));
    giveUp.abort();
    await outcome;
    expect(receipts).toBe(1);
  });

  it('accepts nothing: reset', async () => {
    const { url } = await bench.simulator({ faults: 'reset:1' });
    await expect(post(url, { To: TO })).rejects.toThrow();
    expect(await summary(url)).toMatchObject({ receipts: 0 });
  });

  it('accepts nothing: 429, with Retry-After', async () => {
    const { url } = await bench.simulator({ faults: '429:1' });
    const response = await post(url, { To: TO });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await response.json()).toMatchObject({ code: 20429, status: 429 });
    expect(await summary(url)).toMatchObject({ receipts: 0 });
  });

  it('accepts nothing: 500', async () => {
    const { url } = await bench.simulator({ faults: '500:1' });
    await expect(sdk(url).messages.create({ to: TO, from: '12345', body: 'x' })).rejects.toMatchObject({
      status: 500,
      code: 20500,
    });
    expect(await summary(url)).toMatchObject({ receipts: 0 });
  });

  it('answers late: slow', async () => {
    const { url } = await bench.simulator({ faults: 'slow=150ms:1' });
    const before = performance.now();
    expect((await post(url, { To: TO })).status).toBe(201);
    expect(performance.now() - before).toBeGreaterThan(140);
  });

  it('makes the same choices with the same seed, in whatever order requests come', async () => {
    const run = async (seed: number, recipients: string[]) => {
      const { url } = await bench.simulator({
        seed,
        faults: '429:0.3,500:0.2',
        shares: { delivered: 0.5, 'undelivered:30003': 0.5 },
      });
      const statuses = await Promise.all(recipients.map(async (To) => [To, (await post(url, { To })).status] as const));
      await untilIdle(url);
      const { receipts } = await control<{ receipts: { to: string; status: string }[] }>(
        url,
        'GET',
        'receipts?limit=1000',
      );
      return {
        answers: Object.fromEntries(statuses),
        ends: Object.fromEntries(receipts.map(({ to, status }) => [to, status])),
      };
    };
    const recipients = Array.from({ length: 40 }, (_, index) => `+141555501${String(index).padStart(2, '0')}`);
    const first = await run(7, recipients);
    expect(await run(7, recipients.toReversed())).toEqual(first);
    expect(await run(8, recipients)).not.toEqual(first);
    expect(new Set(Object.values(first.answers))).toEqual(new Set([201, 429, 500]));
    expect(new Set(Object.values(first.ends))).toEqual(new Set(['delivered', 'undelivered']));
  });

  it('is changed while it runs, and says what is wrong with a specification', async () => {
    const { url } = await bench.simulator();
    expect(await control(url, 'POST', 'faults', { faults: '429' })).toMatchObject({ faults: '429:0.1' });
    expect(await control(url, 'POST', 'faults', { faults: 'flood' })).toEqual({
      error: expect.stringContaining('one of: '),
    });
    expect(await control(url, 'GET', 'faults')).toMatchObject({ faults: '429:0.1' });
    expect(await control(url, 'POST', 'faults', { faults: 'none' })).toMatchObject({ faults: 'none' });
  });
});

describe('the control API', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('counts receipts per message and per attempt', async () => {
    const { url } = await bench.simulator();
    const callback = (query: string) => ({ To: TO, StatusCallback: `http://127.0.0.1:9/x?${query}#rc=0` });
    for (const query of ['m=one&a=1', 'm=one&a=1', 'm=one&a=2', 'm=two&a=1']) await post(url, callback(query));
    expect(await control<Summary>(url, 'GET', 'receipts/summary?byMessage=true')).toMatchObject({
      receipts: 4,
      messages: 2,
      maxPerAttempt: 2,
      maxPerMessage: 3,
      repeated: { one: 3 },
      byMessage: { one: 3, two: 1 },
    });
    const page = await control<{ receipts: unknown[]; next: string | null }>(
      url,
      'GET',
      'receipts?messageId=one&limit=2',
    );
    expect(page).toMatchObject({ receipts: [{ messageId: 'one', attempt: '1' }, { attempt: '1' }], next: '2' });
    expect(await control(url, 'GET', `receipts?messageId=one&limit=2&after=${page.next}`)).toMatchObject({
      receipts: [{ attempt: '2' }],
      next: null,
    });
  });

  it('takes further accounts, whose callbacks are signed with their own token', async () => {
    const { url } = await bench.simulator();
    const sid = `AC${'a'.repeat(32)}`;
    expect(await control(url, 'POST', 'accounts', { sid, authToken: 'secret', shortCodes: ['999'] })).toMatchObject({
      sid,
      shortCodes: ['999'],
    });
    const response = await fetch(`${url}/2010-04-01/Accounts/${sid}/Messages.json`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${sid}:secret`).toString('base64')}` },
      body: new URLSearchParams({ To: TO, From: '999', Body: 'x' }),
    });
    expect(response.status).toBe(201);
    expect(await control(url, 'POST', 'accounts', { sid: 'AC1', authToken: 'x' })).toEqual({
      error: expect.stringContaining('32 hexadecimal digits'),
    });
  });

  it('decides outcomes by suffix and by share', async () => {
    const { url } = await bench.simulator();
    await control(url, 'POST', 'outcomes', {
      shares: { 'undelivered:30005': 1 },
      rules: [{ suffix: '99', outcome: 'failed:30008' }],
    });
    await post(url, { To: '+14155550199' });
    await post(url, { To: '+14155550198' });
    await untilIdle(url);
    const { receipts } = await control<{ receipts: unknown[] }>(url, 'GET', 'receipts');
    expect(receipts).toMatchObject([
      { status: 'failed', errorCode: 30008 },
      { status: 'undelivered', errorCode: 30005 },
    ]);
  });

  it('forgets everything', async () => {
    const { url } = await bench.simulator();
    await post(url, { To: TO });
    expect(await control(url, 'DELETE', 'receipts')).toEqual({ removed: 1 });
    expect(await summary(url)).toMatchObject({ receipts: 0 });
    expect(await control(url, 'GET', 'health')).toMatchObject({ status: 'ok', receipts: 0 });
  });
});
