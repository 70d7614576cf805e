import { once } from 'node:events';
import { connect } from 'node:net';
import { configureLogs } from '@herald/telemetry';
import { eventually } from '@herald/testing';
import { callback, FORM, givenAccount, runningGateway, type RunningGateway } from './running-gateway';

/** Sends bytes over a connection of its own, and gives all that came back when the other side has closed it. */
async function exchange(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
  await once(socket, 'connect');
  socket.write(bytes);
  await once(socket, 'close');
  return received;
}

describe('doors', () => {
  let gateway: RunningGateway;

  beforeAll(() => configureLogs({ level: 'silent' }));
  beforeEach(async () => {
    gateway = await runningGateway();
  });
  afterEach(() => gateway.stop());

  it('S20: ends a connection that sends its head too slowly, or nothing, about 5 s after it began', async () => {
    const begun = performance.now();
    const sent = ['POST /v1/twilio/status/x HTTP/1.1\r\nHost: x\r\n', ''];
    for (const answer of await Promise.all(sent.map((bytes) => exchange(gateway.port, bytes)))) {
      expect(answer).toBe('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    }
    expect(performance.now() - begun).toBeLessThan(9_000);
  });

  it('S20 S25: answers what is no HTTP, or has too long a head, with a number alone', async () => {
    expect(await exchange(gateway.port, 'hello\r\n\r\n')).toBe(
      'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    );
    expect(await exchange(gateway.port, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`)).toBe(
      'HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    );
  });

  it('S6: refuses a target that is a whole URL', async () => {
    const given = givenAccount();
    gateway.configurations.accounts.set(given.segment, given.account);
    const { target, body, signature } = callback(given);
    const answer = await exchange(
      gateway.port,
      `POST http://evil.example${target} HTTP/1.1\r\nHost: evil.example\r\nX-Twilio-Signature: ${signature}\r\n` +
        `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 Forbidden\r\ncontent-length: 0\r\n/);
    expect(gateway.records).toEqual([]);
  });

  it('S25: takes a callback in whose head had begun when it stopped, and answers it like any other', async () => {
    const given = givenAccount();
    gateway.configurations.accounts.set(given.segment, given.account);
    const { target, body, signature } = callback(given);
    const socket = connect(gateway.port, '127.0.0.1').setEncoding('latin1');
    let received = '';
    socket.on('data', (chunk: string) => (received += chunk));
    const closed = once(socket, 'close');
    await new Promise<void>((written) => {
      socket.write(`POST ${target} HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: ${signature}\r\n`, () => written());
    });
    // An answer on another connection says that what was written before on this one has arrived.
    await gateway.send({ target: '/' });
    const stopped = gateway.stopGateway();
    socket.write(`Content-Type: ${FORM}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    await closed;
    await stopped;
    expect(received).toMatch(/^HTTP\/1\.1 200 OK\r\n[^{]*\r\n\r\n$/);
    expect(gateway.records).toHaveLength(1);
  });

  it('says that it is alive, and ready while its neighbours answer, asking them every 2 s at most', async () => {
    expect(await gateway.look('/healthz')).toMatchObject({ status: 200 });
    await eventually(async () => {
      gateway.clock.advance(2_000);
      expect(await gateway.look('/readyz')).toMatchObject({ status: 200 });
    });
    const asked = gateway.configurations.questions.length;
    gateway.configurations.isDown = true;
    for (let looks = 0; looks < 5; looks += 1) expect(await gateway.look('/readyz')).toMatchObject({ status: 200 });
    expect(gateway.configurations.questions).toHaveLength(asked);
    gateway.clock.advance(2_000);
    expect(await gateway.look('/readyz')).toMatchObject({ status: 503 });
    // The client repeats what is unavailable by itself, so that one check may be several questions.
    const askedInVain = gateway.configurations.questions.length;
    expect(askedInVain).toBeGreaterThan(asked);
    expect(await gateway.look('/readyz')).toMatchObject({ status: 503 });
    expect(gateway.configurations.questions).toHaveLength(askedInVain);
    expect(await gateway.look('/healthz')).toMatchObject({ status: 200 });
    gateway.configurations.isDown = false;
    gateway.bus.isDown = true;
    gateway.clock.advance(2_000);
    expect(await gateway.look('/readyz')).toMatchObject({ status: 503 });
    gateway.bus.isDown = false;
    gateway.clock.advance(2_000);
    expect(await gateway.look('/readyz')).toMatchObject({ status: 200 });
  });

  it('finishes a callback under way when it stops, and says meanwhile that it is not ready', async () => {
    const given = givenAccount();
    gateway.configurations.accounts.set(given.segment, given.account);
    await gateway.look('/readyz');
    let open = () => {};
    gateway.configurations.gate = new Promise((resolve) => (open = () => resolve()));
    const answer = gateway.send(callback(given));
    await eventually(() => expect(gateway.configurations.asked(given.segment)).toBe(1));
    const begun = performance.now();
    const stopped = gateway.stopGateway();
    expect(await gateway.look('/readyz')).toMatchObject({ status: 503 });
    open();
    expect(await answer).toMatchObject({ status: 200 });
    await stopped;
    // It ends with its last callback, and not with the grace.
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(gateway.records).toHaveLength(1);
    await expect(gateway.send(callback(given))).rejects.toThrow();
  });
});
