import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort, freePorts } from './free-ports';

describe('freePort', () => {
  it('names a port that can be listened on, and not one that is taken', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    try {
      expect(server.address()).toMatchObject({ port });
      const others = await freePorts(20);
      expect(others).not.toContain(port);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });

  it('names only ports that no system gives away by itself', async () => {
    const ports = await freePorts(200);
    expect(new Set(ports).size).toBe(200);
    expect(Math.max(...ports)).toBeLessThan(32_768);
  });
});
