import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** NIST SP 800-38D: 96 random bits, and never twice with one key; each organisation has a key of its own. */
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';

/** What a sealed secret belongs to. Sealed for one, it opens for no other. */
export interface SealedFor {
  org: string;
  channelAccountId: string;
  version: number;
}

/** An organisation's key in the form in which it may be stored. */
export type WrappedKey = Buffer;

/** Seals secrets by envelope: each organisation has its own data key, which the master key wraps. */
export interface Sealer {
  /** Makes the data key of an organisation that has none. */
  newKey(org: string): WrappedKey;
  seal(key: WrappedKey, context: SealedFor, secret: Uint8Array): Buffer;
  /** Throws where anything was changed: the bytes, what they belong to, the key. */
  open(key: WrappedKey, context: SealedFor, sealed: Buffer): Buffer;
}

/** Makes the sealer of a master key of 32 bytes. The key itself never encrypts a secret, only other keys. */
export function sealerOf(masterKey: Uint8Array): Sealer {
  if (masterKey.byteLength !== KEY_BYTES)
    throw new Error(`the master key has ${masterKey.byteLength} bytes instead of ${KEY_BYTES}`);
  const wrappingKey = Buffer.from(hkdfSync('sha256', masterKey, '', 'herald credential wrapping v1', KEY_BYTES));
  const unwrap = (org: string, wrapped: WrappedKey) => decrypt(wrappingKey, wrapped, keyContext(org));
  const contextOf = (wrapped: WrappedKey, context: SealedFor) => ({
    key: unwrap(context.org, wrapped),
    aad: secretContext(context),
  });
  return {
    newKey: (org) => encrypt(wrappingKey, randomBytes(KEY_BYTES), keyContext(org)),
    seal: (wrapped, context, secret) => {
      const { key, aad } = contextOf(wrapped, context);
      return encrypt(key, secret, aad);
    },
    open: (wrapped, context, sealed) => {
      const { key, aad } = contextOf(wrapped, context);
      return decrypt(key, sealed, aad);
    },
  };
}

function keyContext(org: string): Buffer {
  return Buffer.from(`herald data key\n${org}`);
}

function secretContext({ org, channelAccountId, version }: SealedFor): Buffer {
  return Buffer.from(`herald credential\n${org}\n${channelAccountId}\n${version}`);
}

/** IV, tag and ciphertext, one after the other. */
function encrypt(key: Buffer, plain: Uint8Array, aad: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv).setAAD(aad);
  const text = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), text]);
}

function decrypt(key: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const iv = sealed.subarray(0, IV_BYTES);
  const tag = sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES);
  const cipher = createDecipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES }).setAAD(aad).setAuthTag(tag);
  return Buffer.concat([cipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)), cipher.final()]);
}
