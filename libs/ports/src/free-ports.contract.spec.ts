import { execFileSync } from 'node:child_process';
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

  it('names no port that another process was named, though nobody listens there yet', async () => {
    const ours = await freePorts(50);
    const script = `
      const { createSocket } = require('node:dgram');
      const refusals = ${JSON.stringify(ours)}.map((port) => new Promise((resolve) => {
        const socket = createSocket('udp4').on('error', ({ code }) => resolve(code));
        socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => resolve('bound')));
      }));
      Promise.all(refusals).then((codes) => process.stdout.write([...new Set(codes)].join()));`;
    expect(execFileSync(process.execPath, ['-e', script]).toString()).toBe('EADDRINUSE');
  });

  it('names only ports that no system gives away by itself', async () => {
    const ports = await freePorts(200);
    expect(new Set(ports).size).toBe(200);
    expect(Math.max(...ports)).toBeLessThan(32_768);
  });
});
