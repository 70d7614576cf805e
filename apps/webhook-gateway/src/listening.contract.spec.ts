import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import fastify from 'fastify';
import { Agent, request } from 'undici';
import { listening } from './listening';

describe('listening', () => {
  it('S20: cuts off a request that was sent in part when the grace has passed', async () => {
    const server = fastify();
    server.post('/', (_request, reply) => reply.send());
    const { port, stop } = await listening(server, '127.0.0.1:0', 50);
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    const arrived = once(server.server, 'request');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{');
    await arrived;
    const closed = once(socket, 'close');
    await stop();
    await closed;
  });

  it('stops when the last request under way has its answer, though its connection would be kept', async () => {
    const server = fastify();
    let answerNow = () => {};
    const answered = new Promise<void>((resolve) => (answerNow = resolve));
    server.get('/', async (_request, reply) => {
      await answered;
      return reply.send('done');
    });
    const { port, stop } = await listening(server, '127.0.0.1:0', 60_000);
    const dispatcher = new Agent();
    const arrived = once(server.server, 'request');
    const answer = request(`http://127.0.0.1:${port}/`, { dispatcher });
    await arrived;
    const stopped = stop();
    answerNow();
    expect(await (await answer).body.text()).toBe('done');
    await stopped;
    await dispatcher.close();
  });

  it('rejects when its port is taken', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = holder.address() as AddressInfo;
      await expect(listening(fastify(), `127.0.0.1:${port}`)).rejects.toThrow('EADDRINUSE');
    } finally {
      holder.close();
    }
  });
});
