import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from './free-port';

describe('freePort', () => {
  it('names a port that can be listened on, and not one that is taken', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    try {
      expect(server.address()).toMatchObject({ port });
      const others = await Promise.all(Array.from({ length: 20 }, freePort));
      expect(others).not.toContain(port);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });

  it('names different ports to those who ask at once', async () => {
    const ports = await Promise.all(Array.from({ length: 20 }, freePort));
    expect(new Set(ports).size).toBe(20);
  });
});
