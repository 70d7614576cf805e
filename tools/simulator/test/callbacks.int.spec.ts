import twilio from 'twilio';
import { SAMPLE_ACCOUNT } from '../src';
import { Bench, control, post, untilIdle } from './support';

const TO = '+14155550123';

describe('callbacks', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  it('names the error of a message that was not delivered', async () => {
    const { url } = await bench.simulator();
    const webhook = await bench.webhook();
    await post(url, { To: '+15005530003', StatusCallback: webhook.url });
    await untilIdle(url);
    expect(webhook.received.at(-1)?.parameters).toMatchObject({
      MessageStatus: 'undelivered',
      ErrorCode: '30003',
      ErrorMessage: 'Unreachable destination handset',
    });
  });

  it('fails early without having been sent', async () => {
    const { url } = await bench.simulator();
    const webhook = await bench.webhook();
    await post(url, { To: '+15005530001', StatusCallback: webhook.url });
    await untilIdle(url);
    expect(webhook.received.map(({ parameters }) => parameters['MessageStatus'])).toEqual(['sending', 'failed']);
  });

  it('does not retry a 500 by default', async () => {
    const { url } = await bench.simulator({ statuses: [] });
    const webhook = await bench.webhook();
    webhook.answer = (response) => response.writeHead(500).end();
    await post(url, { To: TO, StatusCallback: webhook.url });
    expect(await untilIdle(url)).toMatchObject({ idle: true, failed: 1, tries: 1 });
  });

  it('retries with the same token, pauses growing, when the fragment says so', async () => {
    const { url } = await bench.simulator({ statuses: [], retryBaseMs: 20 });
    const webhook = await bench.webhook();
    webhook.answer = (response, count) => response.writeHead(count < 4 ? 503 : 204).end();
    await post(url, { To: TO, StatusCallback: `${webhook.url}/x?m=1#rc=5&rp=all` });
    expect(await untilIdle(url)).toMatchObject({ idle: true, delivered: 1, failed: 0, tries: 4 });
    expect(new Set(webhook.received.map(({ headers }) => headers['i-twilio-idempotency-token'])).size).toBe(1);
    const [first, second, third, fourth] = webhook.received.map(({ at }) => at);
    expect(second! - first!).toBeGreaterThan(15);
    expect(third! - second!).toBeGreaterThan(35);
    expect(fourth! - third!).toBeGreaterThan(75);
  });

  it('gives up when the retries are used up', async () => {
    const { url } = await bench.simulator({ statuses: [] });
    const webhook = await bench.webhook();
    webhook.answer = (response) => response.writeHead(404).end();
    await post(url, { To: TO, StatusCallback: `${webhook.url}#rc=3&rp=4xx` });
    expect(await untilIdle(url)).toMatchObject({ idle: true, failed: 1, tries: 4 });
  });

  it('retries a refused connection once by default', async () => {
    const { url } = await bench.simulator({ statuses: [] });
    const webhook = await bench.webhook();
    const gone = webhook.url;
    await webhook.close();
    await post(url, { To: TO, StatusCallback: gone });
    expect(await untilIdle(url)).toMatchObject({ idle: true, failed: 1, tries: 2 });
  });

  it('takes a missing answer for a read timeout', async () => {
    const { url } = await bench.simulator({ statuses: [] });
    const webhook = await bench.webhook();
    webhook.answer = (response, count) => void (count > 1 && response.writeHead(204).end());
    await post(url, { To: TO, StatusCallback: `${webhook.url}#rt=100&rp=rt` });
    expect(await untilIdle(url)).toMatchObject({ idle: true, delivered: 1, tries: 2 });
  });

  it('begins no try after the total time', async () => {
    const { url } = await bench.simulator({ statuses: [], retryBaseMs: 60 });
    const webhook = await bench.webhook();
    webhook.answer = (response) => response.writeHead(503).end();
    await post(url, { To: TO, StatusCallback: `${webhook.url}#rc=5&rp=all&tt=100` });
    expect(await untilIdle(url)).toMatchObject({ idle: true, failed: 1, tries: 2 });
  });

  it('drops, doubles and forges callbacks when told to', async () => {
    const { url } = await bench.simulator({ statuses: [], faults: 'cb-drop:1' });
    const webhook = await bench.webhook();
    await post(url, { To: TO, StatusCallback: webhook.url });
    expect(await untilIdle(url)).toMatchObject({ dropped: 1, delivered: 0 });
    await control(url, 'POST', 'faults', { faults: 'cb-double:1' });
    await post(url, { To: TO, StatusCallback: webhook.url });
    expect(await untilIdle(url)).toMatchObject({ delivered: 2 });
    await control(url, 'POST', 'faults', { faults: 'cb-badsig:1' });
    await post(url, { To: TO, StatusCallback: webhook.url });
    await untilIdle(url);
    const { headers, url: requested, parameters } = webhook.received[2]!;
    const signature = String(headers['x-twilio-signature']);
    expect(twilio.validateRequest(SAMPLE_ACCOUNT.authToken, signature, requested, parameters)).toBe(false);
  });

  it('shuffles callbacks, but not the statuses', async () => {
    const { url } = await bench.simulator({ faults: 'cb-shuffle=0ms..200ms:1' });
    const webhook = await bench.webhook();
    for (let index = 0; index < 5; index += 1)
      await post(url, { To: `+1415555012${index}`, StatusCallback: webhook.url });
    expect(await untilIdle(url)).toMatchObject({ delivered: 15 });
    const order = (to: string) =>
      webhook.received
        .filter(({ parameters }) => parameters['To'] === to)
        .map(({ parameters }) => parameters['MessageStatus']);
    const orders = [0, 1, 2, 3, 4].map((index) => order(`+1415555012${index}`).join());
    expect(orders.some((each) => each !== 'sending,sent,delivered')).toBe(true);
    const { byStatus } = await control<{ byStatus: unknown }>(url, 'GET', 'receipts/summary');
    expect(byStatus).toEqual({ delivered: 5 });
  });

  it('delays callbacks', async () => {
    const { url } = await bench.simulator({ statuses: [], faults: 'cb-delay=150ms:1' });
    const webhook = await bench.webhook();
    const before = performance.now();
    await post(url, { To: TO, StatusCallback: webhook.url });
    await untilIdle(url);
    expect(webhook.received[0]!.at - before).toBeGreaterThan(140);
  });

  it('posts inbound messages, signed, and keeps the list of those who wrote STOP', async () => {
    const { url } = await bench.simulator();
    const webhook = await bench.webhook();
    webhook.answer = (response) => response.writeHead(200, { 'content-type': 'text/xml' }).end('<Response/>');
    const inbound = {
      to: '12345',
      from: TO,
      body: 'Stop',
      url: `${webhook.url}/inbound?x=1`,
      parameters: { ProfileName: 'Ada' },
    };
    const answer = await control(url, 'POST', 'inbound', inbound);
    expect(answer).toMatchObject({ status: 200, body: '<Response/>', messageSid: expect.stringMatching(/^SM/) });
    const { headers, url: requested, parameters } = webhook.received[0]!;
    expect(parameters).toMatchObject({ Body: 'Stop', From: TO, To: '12345', ProfileName: 'Ada', NumMedia: '0' });
    const signature = String(headers['x-twilio-signature']);
    expect(twilio.validateRequest(SAMPLE_ACCOUNT.authToken, signature, requested, parameters)).toBe(true);
    expect(await (await post(url, { To: TO })).json()).toMatchObject({ code: 21610 });
    expect((await post(url, { To: TO, From: '54321' })).status).toBe(201);
    await control(url, 'POST', 'inbound', { ...inbound, body: 'START' });
    expect((await post(url, { To: TO })).status).toBe(201);
  });
});
