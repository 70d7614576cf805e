import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chown, open, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { onOneConnection } from './one-connection';
import { reachableBinaries, reachableDirectory, serverUser, whereReachable, type ServerUser } from './server-user';

const run = promisify(execFile);

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
  const { port, settings = {} } = options;
  const user = await serverUser();
  const directory = await reachableDirectory(resolve(options.directory), user);
  const data = join(directory, 'data');
  const password = await readOrMakePassword(directory, user);
  const urlOf = (server: Process) => `postgres://postgres:${password}@127.0.0.1:${server.port}/postgres`;

  const found = await runningServer(data);
  // The one that was found may just have been going down: then its place is free.
  if (found && (await isReady(urlOf(found), found.pid, directory))) {
    return { url: urlOf(found), adopted: true, stop: () => stopServer(data) };
  }
  const { initdb, postgres } = await reachableBinaries(user);
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(initdb, data, directory, user);
  const started = await launch(postgres, { data, directory, port, settings, user });
  if (await isReady(urlOf(started), started.pid, directory)) {
    return { url: urlOf(started), adopted: false, stop: () => stopServer(data) };
  }
  throw new Error(`PostgreSQL ended before it answered; its log is ${logOf(directory)}`);
}

/**
 * Stops the server that runs over this folder, whoever started it, and does nothing where none runs. Returns where its
 * data is, which is another folder than the one named when Herald runs as root from a place closed to others.
 */
export async function stopLocalServer(directory: string): Promise<string> {
  const reachable = await whereReachable(resolve(directory), await serverUser());
  await stopServer(join(reachable, 'data'));
  return reachable;
}

/** Stops the server that runs over this folder and deletes all it kept, wherever that is. The binaries stay. */
export async function removeLocalServer(directory: string): Promise<void> {
  await rm(await stopLocalServer(directory), { recursive: true, force: true });
}

async function readOrMakePassword(directory: string, user: ServerUser | undefined): Promise<string> {
  const file = join(directory, 'password');
  if (!existsSync(file)) {
    // Under its final name it is whole, whenever this process dies.
    const partial = partialOf(file);
    await writeFile(partial, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    if (user) await chown(partial, user.uid, user.gid);
    await rename(partial, file);
  }
  return (await readFile(file, 'utf8')).trim();
}

/**
 * Makes the data under another name first: initdb writes PG_VERSION before all else, so that a folder whose making was
 * killed looks like a whole one. It is synced, for a power cut would leave of it what no log can repair.
 */
async function initialise(
  initdb: string,
  data: string,
  directory: string,
  user: ServerUser | undefined,
): Promise<void> {
  const partial = partialOf(data);
  const flags = [
    `--pgdata=${partial}`,
    '--username=postgres',
    '--auth=scram-sha-256',
    `--pwfile=${join(directory, 'password')}`,
    '--encoding=UTF8',
    '--locale=C',
  ];
  await run(initdb, flags, { ...user, cwd: directory });
  await rename(partial, data);
}

function partialOf(path: string): string {
  return `${path}.${randomBytes(4).toString('hex')}`;
}

function logOf(directory: string): string {
  return join(directory, 'server.log');
}

interface Launch {
  data: string;
  directory: string;
  port: number;
  settings: Readonly<Record<string, string>>;
  user: ServerUser | undefined;
}

/** A server by its process and where it listens. */
interface Process {
  pid: number;
  port: number;
}

async function launch(postgres: string, { data, directory, port, settings, user }: Launch): Promise<Process> {
  await removeStaleLock(data);
  const flags = Object.entries({ listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings });
  const log = await open(logOf(directory), 'a');
  const server = spawn(
    postgres,
    ['-D', data, '-p', String(port), ...flags.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      ...user,
      cwd: directory,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    },
  );
  await new Promise<void>((started, failed) => server.once('spawn', started).once('error', failed));
  server.unref();
  await log.close();
  return { pid: server.pid ?? 0, port };
}

/**
 * Removes a dead server's lock whose number another process has by now: PostgreSQL would take that one for a server.
 * Where nobody has the number it is left to PostgreSQL, which then looks for orphans of the dead server too.
 */
async function removeStaleLock(data: string): Promise<void> {
  const holder = await lockHolder(data);
  if (holder && isAlive(holder.pid) && !(await isServerOver(data, holder.pid))) await rm(lockOf(data));
}

async function runningServer(data: string): Promise<Process | undefined> {
  const holder = await lockHolder(data);
  return holder && (await isServerOver(data, holder.pid)) ? holder : undefined;
}

function lockOf(data: string): string {
  return join(data, 'postmaster.pid');
}

/** Who holds the data by the server's lock file: line 1 is its process, line 4 its port. */
async function lockHolder(data: string): Promise<Process | undefined> {
  const lines = (await readFile(lockOf(data), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return pid > 0 && port > 0 ? { pid, port } : undefined;
}

/**
 * Whether a process is the server over this data. That it lives is not enough: after a restart of the machine or the
 * container another may have its number, and it would be waited for in vain, or stopped. A server works in its data;
 * where only its command can be seen it names them, and where neither can, the number has to do.
 */
async function isServerOver(data: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  if (platform() === 'linux') return (await readlink(`/proc/${pid}/cwd`).catch(() => '')) === (await realpath(data));
  const command = await run('ps', ['-ww', '-o', 'args=', '-p', String(pid)]).catch(() => undefined);
  return command === undefined || command.stdout.includes(`-D ${data} `);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until the server answers; false when its process ended first. */
async function isReady(url: string, pid: number, directory: string): Promise<boolean> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await onOneConnection(url, async () => {});
      return true;
    } catch (cause) {
      if (!isAlive(pid)) return false;
      if (performance.now() > deadline) {
        const limit = `${START_TIMEOUT_MS / 1000} s`;
        throw new Error(`PostgreSQL did not answer within ${limit}; its log is ${logOf(directory)}`, { cause });
      }
      await pause(POLL_MS);
    }
  }
}

async function stopServer(data: string): Promise<void> {
  const running = await runningServer(data);
  if (!running) return;
  process.kill(running.pid, 'SIGINT');
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive(running.pid)) {
    if (performance.now() > deadline)
      throw new Error(`PostgreSQL (process ${running.pid}) did not stop within ${STOP_TIMEOUT_MS / 1000} s`);
    await pause(POLL_MS);
  }
}
