import { importJWK, SignJWT } from 'jose';
import type { JWK } from 'jose';
import { SERVICE_SUBJECT_PREFIX } from './identity';
import type { ServiceName } from './identity';

const LIFETIME_SECONDS = 300;
/** A token is used up to this long before its end, so that none expires on its way. */
const RENEW_BEFORE_END_MS = 90_000;
/** Bounds the memory when a service works for very many organisations; the oldest entry makes room. */
const TOKENS_MAX = 10_000;

/** Mints the tokens by which one of our services is known to the others. */
export interface ServiceTokens {
  /** A token for work on behalf of an organisation, or of none. Tokens are reused for most of their five minutes. */
  token(org?: string): Promise<string>;
}

/** Signs service tokens with a private ES256 key, whose public half stands in the service key set of every server. */
export function serviceTokens(options: {
  service: ServiceName;
  privateKey: JWK;
  issuer: string;
  audience: string;
  now?: () => Date;
}): ServiceTokens {
  const { service, privateKey, issuer, audience, now = () => new Date() } = options;
  const { kid } = privateKey;
  if (kid === undefined) throw new Error('A service key needs a "kid", by which servers find its public half.');
  const key = importJWK(privateKey, 'ES256');
  // A rejected import is answered to whoever asks for a token; without this it would also end the process.
  key.catch(() => undefined);
  const cached = new Map<string, { token: Promise<string>; useUntil: number }>();

  const mint = async (org: string | undefined, at: Date): Promise<string> => {
    const issuedAt = Math.floor(at.getTime() / 1000);
    return new SignJWT(org === undefined ? {} : { org })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
      .setSubject(`${SERVICE_SUBJECT_PREFIX}${service}`)
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_SECONDS)
      .sign(await key);
  };

  return {
    token: (org) => {
      const at = now();
      const known = cached.get(org ?? '');
      if (known !== undefined && known.useUntil > at.getTime()) return known.token;
      const token = mint(org, at);
      cached.delete(org ?? '');
      cached.set(org ?? '', { token, useUntil: at.getTime() + LIFETIME_SECONDS * 1000 - RENEW_BEFORE_END_MS });
      const [oldest] = cached.keys();
      if (cached.size > TOKENS_MAX && oldest !== undefined) cached.delete(oldest);
      return token;
    },
  };
}
