import { createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { sealerOf, type SealedFor } from './sealer';

const SECRET = Buffer.from('the auth token of an account');
const CONTEXT: SealedFor = { org: 'one', channelAccountId: 'account', version: 1 };

/** Opens what stands in the database by nothing but its documented form: IV, tag and text of AES-256-GCM. */
function openedByHand(key: Uint8Array, sealed: Buffer, associated: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12));
  decipher.setAAD(Buffer.from(associated)).setAuthTag(sealed.subarray(12, 28));
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]);
}

describe('sealerOf', () => {
  const sealer = sealerOf(randomBytes(32));
  const key = sealer.newKey('one');

  it('S13: opens what it sealed', () => {
    expect(sealer.open(key, CONTEXT, sealer.seal(key, CONTEXT, SECRET))).toEqual(SECRET);
  });

  it('S13: opens after a restart with the same master key', () => {
    const masterKey = randomBytes(32);
    const before = sealerOf(masterKey);
    const wrapped = before.newKey('one');
    const sealed = before.seal(wrapped, CONTEXT, SECRET);
    expect(sealerOf(Uint8Array.from(masterKey)).open(wrapped, CONTEXT, sealed)).toEqual(SECRET);
  });

  it('S13: keeps its stored form, which names organisation, account and version in the associated data', () => {
    const masterKey = randomBytes(32);
    const stored = sealerOf(masterKey);
    const wrapped = stored.newKey('one');
    const wrappingKey = new Uint8Array(hkdfSync('sha256', masterKey, '', 'herald credential wrapping v1', 32));
    const dataKey = openedByHand(wrappingKey, wrapped, 'herald data key\none');
    const sealed = stored.seal(wrapped, CONTEXT, SECRET);
    expect(openedByHand(dataKey, sealed, 'herald credential\none\naccount\n1')).toEqual(SECRET);
  });

  it.each([
    ['another organisation', { ...CONTEXT, org: 'two' }],
    ['another account', { ...CONTEXT, channelAccountId: 'another' }],
    ['another version', { ...CONTEXT, version: 2 }],
  ])('S13: does not open for %s', (_whose, context) => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    expect(() => sealer.open(key, context, sealed)).toThrow(/authenticate/);
  });

  it('S13: does not open for another organisation with the key of that organisation either', () => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    expect(() => sealer.open(sealer.newKey('two'), { ...CONTEXT, org: 'two' }, sealed)).toThrow(/authenticate/);
  });

  it('S13: a data key that is moved to another organisation opens nothing there', () => {
    const context = { ...CONTEXT, org: 'two' };
    expect(() => sealer.seal(key, context, SECRET)).toThrow(/authenticate/);
  });

  it('S13: does not open with another master key', () => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    expect(() => sealerOf(randomBytes(32)).open(key, CONTEXT, sealed)).toThrow(/authenticate/);
  });

  it('S13: does not open when any byte of it was changed', () => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    for (const index of sealed.keys()) {
      const changed = Buffer.from(sealed);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => sealer.open(key, CONTEXT, changed)).toThrow(/authenticate/);
    }
  });

  it('S13: does not open when any byte of the data key was changed', () => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    for (const index of key.keys()) {
      const changed = Buffer.from(key);
      changed[index] = (changed[index] ?? 0) ^ 1;
      expect(() => sealer.open(changed, CONTEXT, sealed)).toThrow(/authenticate/);
    }
  });

  it('S13: does not open what was cut short, not even within the tag', () => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    for (const length of [0, 12, 20, 28, sealed.length - 1]) {
      expect(() => sealer.open(key, CONTEXT, sealed.subarray(0, length))).toThrow();
    }
  });

  it('S13: seals the same secret to other bytes each time', () => {
    const seals = Array.from({ length: 50 }, () => sealer.seal(key, CONTEXT, SECRET));
    const ivs = seals.map((sealed) => sealed.subarray(0, 12).toString('hex'));
    const texts = seals.map((sealed) => sealed.subarray(28).toString('hex'));
    expect(new Set(ivs).size).toBe(50);
    expect(new Set(texts).size).toBe(50);
  });

  it('S13: makes a new data key each time, which opens nothing of the others', () => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    expect(() => sealer.open(sealer.newKey('one'), CONTEXT, sealed)).toThrow(/authenticate/);
  });

  it('S13: leaves nothing of the secret in the sealed bytes', () => {
    const sealed = sealer.seal(key, CONTEXT, SECRET);
    expect(sealed.byteLength).toBe(12 + 16 + SECRET.byteLength);
    for (let start = 0; start + 4 <= SECRET.byteLength; start += 1) {
      expect(sealed.includes(SECRET.subarray(start, start + 4))).toBe(false);
    }
  });

  it('S13: leaves nothing of the master key in a data key', () => {
    const masterKey = randomBytes(32);
    const wrapped = sealerOf(masterKey).newKey('one');
    expect(wrapped.includes(masterKey.subarray(0, 8))).toBe(false);
  });

  it.each([0, 16, 31, 33])('refuses a master key of %i bytes', (length) => {
    expect(() => sealerOf(randomBytes(length))).toThrow(`the master key has ${length} bytes instead of 32`);
  });
});
