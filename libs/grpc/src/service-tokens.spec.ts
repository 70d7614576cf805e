import { generateKeyPairSync } from 'node:crypto';
import { decodeJwt, type JWK } from 'jose';
import { serviceTokens } from './service-tokens';

describe('serviceTokens', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key: JWK = { ...(privateKey.export({ format: 'jwk' }) as JWK), kid: 'dispatch-key' };
  const rules = { service: 'dispatch', issuer: 'herald', audience: 'herald' } as const;
  let now = 1_800_000_000_000;
  const later = (seconds: number) => (now += seconds * 1000);

  it('uses a token again for the same organisation until 90 s before its end', async () => {
    const tokens = serviceTokens({ ...rules, privateKey: key, now: () => new Date(now) });
    const first = await tokens.token('acme');
    const { iat = 0, exp = 0 } = decodeJwt(first);
    expect(exp - iat).toBe(300);
    later(209);
    expect(await tokens.token('acme')).toBe(first);
    expect(await tokens.token('another')).not.toBe(first);
    later(1);
    const second = await tokens.token('acme');
    expect(decodeJwt(second).exp).toBe(exp + 210);
    expect(await tokens.token('acme')).toBe(second);
  });

  it('names the organisation it works for, or none', async () => {
    const tokens = serviceTokens({ ...rules, privateKey: key });
    const claims = { iss: 'herald', aud: 'herald', sub: 'service:dispatch' };
    expect(decodeJwt(await tokens.token('acme'))).toMatchObject({ ...claims, org: 'acme' });
    const forNobody = decodeJwt(await tokens.token());
    expect(forNobody).toMatchObject(claims);
    expect(forNobody).not.toHaveProperty('org');
  });

  it('refuses a key that servers could not find, and answers with what is wrong with one that cannot sign', async () => {
    const { kid: _kid, ...nameless } = key;
    expect(() => serviceTokens({ ...rules, privateKey: nameless })).toThrow('"kid"');
    await expect(serviceTokens({ ...rules, privateKey: { ...key, d: '!' } }).token()).rejects.toThrow();
  });
});
