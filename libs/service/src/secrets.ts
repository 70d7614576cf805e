import { readFile } from 'node:fs/promises';
import type { JWK } from 'jose';
import { EnvironmentError } from './environment';

const MASTER_KEY_BYTES = 32;

/** Reads the 32 bytes that seal credentials, in hexadecimal. Throws EnvironmentError where the file holds none. */
export async function readMasterKey(file: string): Promise<Buffer> {
  const masterKey = Buffer.from((await readSecret('HERALD_MASTER_KEY_FILE', file)).trim(), 'hex');
  if (masterKey.length === MASTER_KEY_BYTES) return masterKey;
  throw new EnvironmentError(
    'The master key file does not hold 32 bytes in hexadecimal. `openssl rand -hex 32` makes some.',
  );
}

/** Reads the private key by which a service signs its tokens. Throws EnvironmentError where the file holds none. */
export async function readServiceKey(file: string): Promise<JWK> {
  const key = await readJson<JWK>('HERALD_SERVICE_KEY_FILE', file);
  if (key.kty === 'EC' && key.crv === 'P-256' && key.d !== undefined && key.kid !== undefined) return key;
  throw new EnvironmentError('HERALD_SERVICE_KEY_FILE must hold a private P-256 key as a JWK, with a "kid".');
}

/** Reads the public keys of all services. Throws EnvironmentError where the file holds no set, or a private key. */
export async function readServiceKeySet(file: string): Promise<{ keys: JWK[] }> {
  const { keys } = await readJson<{ keys?: JWK[] }>('HERALD_SERVICE_KEY_SET_FILE', file);
  if (Array.isArray(keys) && keys.every((key) => key.d === undefined)) return { keys };
  throw new EnvironmentError('HERALD_SERVICE_KEY_SET_FILE must hold a JWK set of public keys, as {"keys": […]}.');
}

/** Reads a file that a variable names. Throws EnvironmentError, without its content, where it cannot be read. */
export async function readSecret(variable: string, file: string): Promise<string> {
  return readFile(file, 'utf8').catch(({ code }: NodeJS.ErrnoException) => {
    throw new EnvironmentError(`${file} cannot be read (${code}). Let ${variable} name a file that can.`);
  });
}

async function readJson<T>(variable: string, file: string): Promise<T> {
  const text = await readSecret(variable, file);
  try {
    return Object(JSON.parse(text)) as T;
  } catch {
    // What the parser says may quote the secret.
    throw new EnvironmentError(`${file} does not hold JSON. Let ${variable} name a file that does.`);
  }
}
