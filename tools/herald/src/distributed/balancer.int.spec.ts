import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { freePort } from '@herald/ports';
import type { Running } from '@herald/service';
import { balancer } from './balancer';

describe('balancer', () => {
  const servers: Server[] = [];
  let running: Running | undefined;

  afterEach(async () => {
    await running?.stop();
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  const serverNamed = async (name: string, port = 0) => {
    const server = createServer((_, response) => response.setHeader('connection', 'close').end(name));
    servers.push(server);
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return { server, port: address !== null && typeof address === 'object' ? address.port : 0 };
  };
  const ask = async (port: number) => (await fetch(`http://127.0.0.1:${port}`)).text();

  it('hands connections to all in turn, and passes over those that do not listen', async () => {
    const [port, one, two] = [await freePort(), await serverNamed('one'), await serverNamed('two')];
    running = await balancer(port, [one.port, two.port]);
    const answers = [await ask(port), await ask(port)];
    expect(answers.toSorted()).toEqual(['one', 'two']);
    await new Promise((resolve) => one.server.close(resolve));
    expect([await ask(port), await ask(port), await ask(port)]).toEqual(['two', 'two', 'two']);
  });

  it('hands connections to one that came back', async () => {
    const [port, one] = [await freePort(), await serverNamed('one')];
    running = await balancer(port, [one.port]);
    await new Promise((resolve) => one.server.close(resolve));
    await expect(ask(port)).rejects.toThrow();
    await serverNamed('again', one.port);
    expect(await ask(port)).toBe('again');
  });
});
