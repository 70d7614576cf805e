import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@herald/ports';
import { eventually } from '@herald/testing';
import { Client } from 'pg';
import { removeLocalServer, startLocalServer, stopLocalServer } from './local-server';

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

async function ask(url: string, text: string): Promise<unknown> {
  const client = await connected(url);
  try {
    return (await client.query<{ answer: unknown }>(text)).rows[0]?.answer;
  } finally {
    await client.end();
  }
}

/** The file by which a server holds its data, wherever they are. */
async function lockFileOf(url: string): Promise<string> {
  return join(String(await ask(url, `select current_setting('data_directory') as answer`)), 'postmaster.pid');
}

describe('startLocalServer', () => {
  let home: string;
  let directory: string;

  // Making the data is what takes time here, so that most tests share theirs.
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'herald-server-'));
    directory = join(home, 'postgres');
  });
  afterEach(() => stopLocalServer(directory));
  afterAll(async () => {
    await removeLocalServer(directory);
    await rm(home, { recursive: true });
  });

  const begin = async (where = directory) => startLocalServer({ directory: where, port: await freePort() });

  it('adopts a server that outlived its starter, and starts over the same data once it was stopped', async () => {
    const first = await begin();
    await ask(first.url, 'create table kept as select 7 as answer');
    const second = await begin();
    expect({ url: second.url, adopted: second.adopted }).toEqual({ url: first.url, adopted: true });
    await second.stop();
    const third = await begin();
    expect(third.adopted).toBe(false);
    expect(await ask(third.url, 'select answer from kept')).toBe(7);
  });

  it('takes a process that has the number of a dead server for no server, and leaves it alone', async () => {
    const first = await begin();
    const file = await lockFileOf(first.url);
    const lock = await readFile(file, 'utf8');
    const { uid, gid } = await stat(file);
    await first.stop();
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore', uid, gid });
    const ended = once(stranger, 'exit');
    try {
      await once(stranger, 'spawn');
      await writeFile(file, lock.replace(/^\d+/, String(stranger.pid)));
      await stopLocalServer(directory);
      const second = await begin();
      expect(second.adopted).toBe(false);
      expect(await ask(second.url, 'select 1 as answer')).toBe(1);
      expect(stranger.exitCode ?? stranger.signalCode).toBeNull();
    } finally {
      stranger.kill('SIGKILL');
      await ended;
    }
  });

  it('starts its own where the server it found was going down', async () => {
    const { url } = await begin();
    const [pid] = (await readFile(await lockFileOf(url), 'utf8')).split('\n');
    const last = await connected(url);
    // A smart shutdown: it takes no new client, and ends when the last one has gone.
    process.kill(Number(pid), 'SIGTERM');
    await eventually(() => expect(connected(url)).rejects.toThrow('shutting down'));
    const starting = begin();
    await last.end();
    const second = await starting;
    expect(second.adopted).toBe(false);
    expect(await ask(second.url, 'select 1 as answer')).toBe(1);
  });

  it('says that a server ended before it answered, and where its log is', async () => {
    const holder = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = holder.address() as AddressInfo;
      const refused = startLocalServer({ directory, port });
      await expect(refused).rejects.toThrow(/^PostgreSQL ended before it answered; its log is .*server\.log$/);
    } finally {
      holder.close();
    }
  });

  it('makes the data anew when their making was killed', async () => {
    const killed = join(home, 'killed');
    const options = JSON.stringify({ directory: killed, port: await freePort() });
    const code = `require(${JSON.stringify(require.resolve('./local-server'))}).startLocalServer(${options})`;
    const starter = spawn(process.execPath, ['-r', 'tsx/cjs', '-e', code], { detached: true, stdio: 'ignore' });
    const ended = once(starter, 'exit');
    try {
      const where = await stopLocalServer(killed);
      await eventually(async () => {
        const files = await readdir(where, { recursive: true });
        expect(files).toContainEqual(expect.stringMatching(/\/PG_VERSION$/));
      });
      process.kill(-(starter.pid ?? NaN), 'SIGKILL');
      await ended;
      expect((await begin(killed)).adopted).toBe(false);
    } finally {
      await removeLocalServer(killed);
    }
  });
});
