import { randomBytes } from 'node:crypto';
import { access, constants, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { SERVICE_NAMES, type ServiceName } from '@herald/grpc';
import { readMasterKey } from '@herald/service';
import { AdviceError } from '../advice-error';

/** The folder of one installation, and the keys in it. Nobody but its owner may read it. */
export interface Home {
  directory: string;
  /** Signs users' tokens. */
  issuerKey: JWK;
  serviceKeys: Readonly<Record<ServiceName, JWK>>;
  masterKeyFile: string;
  /** 32 bytes that seal credentials. */
  masterKey: Buffer;
}

/** Where a home is when nobody names one. */
export const HOME_DEFAULT = join(homedir(), '.herald');

const MASTER_KEY_BYTES = 32;
const ISSUER = 'issuer';

/**
 * Opens a home, and makes what is missing: the folder and its keys, once and for all. A master key that is named
 * elsewhere is not made. Throws AdviceError where the folder cannot be written, EnvironmentError without a master key.
 */
export async function openHome(directory: string, masterKeyFile?: string): Promise<Home> {
  await makeFolders(directory);
  const keyFile = (name: string) => keyFileOf(directory, name);
  const services = await Promise.all(
    SERVICE_NAMES.map(
      async (name) => [name, await signingKey(keyFile(`service-${name}.json`), `service-${name}`)] as const,
    ),
  );
  const ownOrNamed = await masterKeyFileOf(masterKeyFile, keyFile('master'));
  return {
    directory,
    issuerKey: await signingKey(keyFile(`${ISSUER}.json`), ISSUER),
    serviceKeys: Object.fromEntries(services) as Record<ServiceName, JWK>,
    masterKeyFile: ownOrNamed,
    masterKey: await readMasterKey(ownOrNamed),
  };
}

/** The key that signs users' tokens, of a home that was opened before. Throws AdviceError where none was. */
export async function issuerKeyOf(directory: string): Promise<JWK> {
  const text = await readFile(keyFileOf(directory, `${ISSUER}.json`), 'utf8').catch(() => undefined);
  if (text !== undefined) return JSON.parse(text) as JWK;
  throw new AdviceError(
    `There are no keys in ${directory} to sign a token with. Name the --home of a Herald, or a token by HERALD_TOKEN_FILE.`,
  );
}

/** Where a home keeps the key of a service. */
export function serviceKeyFileOf({ directory }: Home, service: ServiceName): string {
  return keyFileOf(directory, `service-${service}.json`);
}

const keyFileOf = (directory: string, name: string) => join(directory, 'keys', name);

async function makeFolders(directory: string): Promise<void> {
  const keys = join(directory, 'keys');
  try {
    await mkdir(keys, { recursive: true, mode: 0o700 });
    await access(keys, constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AdviceError(`${directory} cannot be a home (${code}). Name another with --home.`, { cause: error });
  }
}

/** A key that is named is read where it is; only where none is named does the home have one of its own. */
async function masterKeyFileOf(named: string | undefined, own: string): Promise<string> {
  if (named !== undefined) return named;
  await kept(own, () => Promise.resolve(randomBytes(MASTER_KEY_BYTES).toString('hex')));
  return own;
}

/** The public half of a signing key, as a key set holds it. */
export function publicHalf({ kty, crv, x, y, kid, alg }: JWK): JWK {
  return { kty, crv, x, y, kid, alg, use: 'sig' } as JWK;
}

async function signingKey(file: string, kid: string): Promise<JWK> {
  const text = await kept(file, async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    return JSON.stringify({ ...(await exportJWK(privateKey)), kid, alg: 'ES256' });
  });
  return JSON.parse(text) as JWK;
}

/** The content of a file that is written once. Two starts at once agree on one content: a link never replaces a file. */
async function kept(file: string, make: () => Promise<string>): Promise<string> {
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found !== undefined) return found;
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, await make(), { mode: 0o600 });
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  return readFile(file, 'utf8');
}

/** Writes a file as a whole or not at all. */
export async function replaceFile(file: string, content: string): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, file);
}
