import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { SERVICE_NAMES, serviceTokens, type Scope, type ServiceName } from '@herald/grpc';
import type { IdentityConfig } from '@herald/service';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'herald-test';

/** Keys of a test's own issuer and of each service, and tokens by them. */
export interface TestIdentity {
  /** What a service of this name is started with. */
  identityOf(service: ServiceName): IdentityConfig;
  /** A user's token of an organisation. */
  userToken(user: { org: string; scopes: readonly Scope[]; subject?: string }): Promise<string>;
  /** A service's token, for work on behalf of an organisation or of none. */
  serviceToken(service: ServiceName, org?: string): Promise<string>;
}

/** Makes fresh keys, good for one spec file. */
export async function testIdentity(): Promise<TestIdentity> {
  const user = await keyPair('user-key');
  const services = new Map<ServiceName, { privateKey: JWK; publicKey: JWK }>();
  for (const service of SERVICE_NAMES) services.set(service, await keyPair(`${service}-key`));
  const userKeys = { keys: [user.publicKey] };
  const serviceKeys = { keys: [...services.values()].map(({ publicKey }) => publicKey) };
  const privateKeyOf = (service: ServiceName): JWK => {
    const pair = services.get(service);
    if (pair === undefined) throw new Error(`no key for ${service}`);
    return pair.privateKey;
  };
  return {
    identityOf: (service) => ({
      ...{ issuer: ISSUER, audience: AUDIENCE, userKeys, serviceKeys },
      servicePrivateKey: privateKeyOf(service),
    }),
    userToken: async ({ org, scopes, subject = 'tester' }) =>
      new SignJWT({ org, scope: scopes.join(' ') })
        .setProtectedHeader({ alg: 'ES256', kid: 'user-key', typ: 'JWT' })
        .setSubject(subject)
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(user.signingKey),
    serviceToken: (service, org) =>
      serviceTokens({ service, privateKey: privateKeyOf(service), issuer: ISSUER, audience: AUDIENCE }).token(org),
  };
}

async function keyPair(kid: string) {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const publicKey: JWK = { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' };
  const privateKey: JWK = { ...(await exportJWK(pair.privateKey)), kid, alg: 'ES256' };
  return { publicKey, privateKey, signingKey: pair.privateKey };
}
