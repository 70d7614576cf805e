import { createServer } from 'node:net';
import { choosePorts } from './ports';

describe('choosePorts without a base', () => {
  it('finds ports that nobody listens on, each once', async () => {
    const ports = Object.values(await choosePorts(0, undefined));
    expect(new Set(ports).size).toBe(10);
    const servers = await Promise.all(
      ports.map(async (port) => {
        const server = createServer();
        await new Promise<void>((resolve, reject) =>
          server.once('error', reject).listen(port, '127.0.0.1', () => resolve()),
        );
        return server;
      }),
    );
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    expect(ports.every((port) => port > 0)).toBe(true);
  });
});
