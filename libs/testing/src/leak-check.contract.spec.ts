import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { leakCheck } from './leak-check';

const ROOT = join(__dirname, '..', '..', '..');

/** What the check finds after the work: as in a spec file of its own, and by default without the wait for what closes. */
async function checked(work: () => Promise<void>, graceMs = 0): Promise<string> {
  let begin = () => {};
  let end = () => Promise.resolve();
  leakCheck({ graceMs, hooks: { beforeAll: (hook) => (begin = hook), afterAll: (hook) => (end = hook) } });
  begin();
  await work();
  return end().then(
    () => 'nothing',
    (error: unknown) => String(error),
  );
}

async function listening() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server without a port');
  return { server, port: address.port };
}

describe('leakCheck', () => {
  const cleanUp: (() => unknown)[] = [];
  afterEach(async () => {
    for (let undo = cleanUp.pop(); undo; undo = cleanUp.pop()) await undo();
  });

  it('finds nothing where nothing is left, though it was used', async () => {
    const use = async () => {
      clearTimeout(setTimeout(() => undefined, 60_000));
      const { server, port } = await listening();
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.destroy();
      server.close();
      await once(server, 'close');
      const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
      await once(child, 'exit');
    };
    expect(await checked(use, 3_000)).toBe('nothing');
  });

  it('finds a timer that still runs', async () => {
    const found = await checked(async () => {
      const timer = setInterval(() => undefined, 60_000);
      cleanUp.push(() => clearInterval(timer));
    });
    expect(found).toMatch(/Timeout: at .*leak-check\.contract\.spec/);
  });

  it('passes over a timer that keeps nothing alive', async () => {
    const found = await checked(async () => {
      const timer = setInterval(() => undefined, 60_000).unref();
      cleanUp.push(() => clearInterval(timer));
    });
    expect(found).toBe('nothing');
  });

  it('finds a server that still listens', async () => {
    const found = await checked(async () => {
      const { server } = await listening();
      cleanUp.push(() => server.close());
    });
    expect(found).toContain('TCPServerWrap: ');
  });

  it('finds a connection that is still open', async () => {
    const { server, port } = await listening();
    cleanUp.push(() => server.close());
    const found = await checked(async () => {
      const socket = connect(port, '127.0.0.1');
      cleanUp.push(() => socket.destroy());
      await once(socket, 'connect');
    });
    expect(found).toContain('TCPSocketWrap: ');
  });

  it('finds a process that still runs', async () => {
    const found = await checked(async () => {
      const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
      cleanUp.push(async () => {
        child.kill();
        await once(child, 'exit');
      });
      await once(child, 'spawn');
    });
    expect(found).toContain('ProcessWrap: ');
  });

  it('finds a loop that goes on between its pauses', async () => {
    const stop = new AbortController();
    const found = await checked(async () => {
      const loop = async () => {
        while (!stop.signal.aborted) await pause(60_000, undefined, { signal: stop.signal });
      };
      const ended = loop().catch(() => undefined);
      cleanUp.push(() => {
        stop.abort();
        return ended;
      });
    });
    expect(found).toMatch(/Timeout: at .*leak-check\.contract\.spec/);
  });

  it('gives what was just closed a moment', async () => {
    let isOver = false;
    const found = await checked(async () => void setTimeout(() => (isOver = true), 50), 3_000);
    expect([found, isOver]).toEqual(['nothing', true]);
  });

  it('watches every spec file: one that leaks fails though all its tests pass', async () => {
    const jest = [join(ROOT, 'node_modules/jest/bin/jest.js'), '--reporters', 'default', '--forceExit'];
    const run = promisify(execFile)(process.execPath, [...jest, '--testMatch', '**/src/test/leaking-timer.ts'], {
      cwd: ROOT,
      env: { ...process.env, HERALD_TESTS: '' },
    });
    const failure = (await run.catch((error: unknown) => error)) as { code?: number; stderr: string };
    expect(failure).toMatchObject({ code: 1, stderr: expect.stringContaining('1 passed, 1 total') });
    expect(failure.stderr).toMatch(/Timeout: at .*leaking-timer\.ts:3/);
  });
});
