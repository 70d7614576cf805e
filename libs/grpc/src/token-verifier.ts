import { HeraldError } from '@herald/errors';
import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet, JWTPayload, JWTVerifyGetKey } from 'jose';
import { isScope, isServiceName, organisationId, SERVICE_SUBJECT_PREFIX } from './identity';
import type { Caller } from './identity';

/** No symmetric algorithm and no `none`: a public key must never do as a shared secret. */
const ALGORITHMS = ['ES256', 'EdDSA', 'RS256'];
const CLOCK_SKEW_SECONDS = 60;
const TOKEN_LENGTH_MAX = 8192;
const USER_LIFETIME_SECONDS_MAX = 24 * 3600;
const SERVICE_LIFETIME_SECONDS_MAX = 900;
const KEY_SET_TIMEOUT_MS = 5_000;
/** A key set in use is read anew so often: a key that was taken out opens nothing a minute later. */
const KEY_SET_REFRESH_MS = 60_000;
/** A key set that cannot be read anew serves so long: an issuer that is away for some minutes stops no call. */
const KEY_SET_AGE_MS_MAX = 10 * 60_000;

/**
 * A token serves so long before its signature is verified again: a busy caller sends the same one with each call, and to
 * verify it was a tenth of accepting a hundred contacts. A key that was taken out opens as much longer what it opened just before.
 */
const VERIFIED_MS_MAX = 5_000;
const VERIFIED_TOKENS_MAX = 1_000;

/** Where public keys come from: an address that serves them, or the keys themselves. */
export type KeySource = { url: string } | JSONWebKeySet;

/** What a token must agree with. Users and services have key sets of their own: a user's key signs for no service. */
export interface TokenRules {
  issuer: string;
  audience: string;
  userKeys: KeySource;
  serviceKeys: KeySource;
  /** The time, for tests; the clock of the machine if left out. */
  now?: () => Date;
}

/** Turns a token into who calls. It throws UNAUTHENTICATED for a bad one, KEY_SET_UNAVAILABLE when it cannot tell. */
export interface TokenVerifier {
  verify(token: string): Promise<Caller>;
}

type Problem =
  | 'TOKEN_MISSING'
  | 'TOKEN_MALFORMED'
  | 'TOKEN_EXPIRED'
  | 'TOKEN_NOT_VALID'
  | 'ORGANISATION_MISSING'
  | 'CERTIFICATE_MISMATCH';

const PROBLEM_TEXTS: Record<Problem, string> = {
  TOKEN_MISSING: 'Send one token in the metadata entry "authorization", as "Bearer <token>".',
  TOKEN_MALFORMED: 'The token is not a signed JWT with a key id. Ask the issuer for one.',
  TOKEN_EXPIRED: 'The token has expired. Ask the issuer for a new one.',
  TOKEN_NOT_VALID: 'The token is not one this server accepts. Check issuer, audience, key and lifetime.',
  ORGANISATION_MISSING: 'The token names no organisation. It needs the claim "org".',
  CERTIFICATE_MISMATCH: 'The certificate of this connection does not name the service of the token. Use its own.',
};

/** The refusal of a call without a valid token. It tells what to mend, and nothing of what was in the token. */
export function unauthenticated(problem: Problem, cause?: unknown): HeraldError {
  return new HeraldError('UNAUTHENTICATED', PROBLEM_TEXTS[problem], { metadata: { problem }, cause });
}

/**
 * Verifies tokens against pinned key sets. The header of a token chooses a key by `kid` and nothing else: `jku`,
 * `x5u` and `jwk` are never followed. The subject is read before the signature only to choose the key set, and it is
 * covered by the signature that this set must then confirm.
 */
export function tokenVerifier(rules: TokenRules): TokenVerifier {
  const userKeys = keysOf(rules.userKeys);
  const serviceKeys = keysOf(rules.serviceKeys);
  const now = rules.now ?? (() => new Date());
  const verified = new Map<string, { caller: Caller; atMs: number; expiresMs: number }>();
  return {
    verify: async (token) => {
      const nowMs = now().getTime();
      const known = verified.get(token);
      if (known && Math.abs(nowMs - known.atMs) < VERIFIED_MS_MAX && nowMs < known.expiresMs) return known.caller;
      const isService = isServiceToken(token);
      const lifetimeMax = isService ? SERVICE_LIFETIME_SECONDS_MAX : USER_LIFETIME_SECONDS_MAX;
      const payload = await verifiedPayload(token, isService ? serviceKeys : userKeys, rules, now());
      requireShortLife(payload, lifetimeMax, now());
      const caller = isService ? serviceCaller(payload) : userCaller(payload);
      if (verified.size >= VERIFIED_TOKENS_MAX) verified.clear();
      verified.set(token, { caller, atMs: nowMs, expiresMs: (payload.exp ?? 0) * 1000 });
      return caller;
    },
  };
}

function isServiceToken(token: string): boolean {
  if (token.length > TOKEN_LENGTH_MAX) throw unauthenticated('TOKEN_MALFORMED');
  try {
    const { kid } = decodeProtectedHeader(token);
    const { sub } = decodeJwt(token);
    if (typeof kid === 'string' && kid !== '' && typeof sub === 'string') return sub.startsWith(SERVICE_SUBJECT_PREFIX);
  } catch (cause) {
    throw unauthenticated('TOKEN_MALFORMED', cause);
  }
  throw unauthenticated('TOKEN_MALFORMED');
}

async function verifiedPayload(
  token: string,
  keys: JWTVerifyGetKey,
  { issuer, audience }: TokenRules,
  currentDate: Date,
): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      clockTolerance: CLOCK_SKEW_SECONDS,
      currentDate,
    });
    return payload;
  } catch (cause) {
    throw refusalFor(cause);
  }
}

function refusalFor(cause: unknown): HeraldError {
  if (cause instanceof errors.JWTExpired) return unauthenticated('TOKEN_EXPIRED', cause);
  // A key set that cannot be read says nothing about the token: the caller should try again, not log in again.
  const isTokenAtFault = cause instanceof errors.JOSEError && !KEY_SET_FAULTS.has(cause.code);
  if (isTokenAtFault) return unauthenticated('TOKEN_NOT_VALID', cause);
  return new HeraldError('KEY_SET_UNAVAILABLE', 'The keys of the token issuer cannot be read now. Repeat the call.', {
    cause,
  });
}

/** `ERR_JOSE_GENERIC` is what jose throws when the address of a key set answers with anything but 200. */
const KEY_SET_FAULTS = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID']);

/**
 * Bounds both the life the issuer gave and what is left of it, so that a token without `iat` is bounded too. One without
 * an end would live for ever.
 */
function requireShortLife({ exp = Infinity, iat }: JWTPayload, secondsMax: number, now: Date): void {
  const nowSeconds = now.getTime() / 1000;
  const isIssuedInFuture = iat !== undefined && iat > nowSeconds + CLOCK_SKEW_SECONDS;
  const isTooLong = exp - (iat ?? nowSeconds) > secondsMax || exp - nowSeconds > secondsMax + CLOCK_SKEW_SECONDS;
  if (isIssuedInFuture || isTooLong) throw unauthenticated('TOKEN_NOT_VALID');
}

function userCaller({ sub = '', org, scope }: JWTPayload): Caller {
  if (typeof org !== 'string' || org.trim() === '') throw unauthenticated('ORGANISATION_MISSING');
  if (sub === '') throw unauthenticated('TOKEN_NOT_VALID');
  const scopes = typeof scope === 'string' ? scope.split(' ').filter(isScope) : [];
  return { kind: 'user', org: organisationId(org), subject: sub, scopes: new Set(scopes) };
}

function serviceCaller({ sub = '', org }: JWTPayload): Caller {
  const service = sub.slice(SERVICE_SUBJECT_PREFIX.length);
  if (!isServiceName(service)) throw unauthenticated('TOKEN_NOT_VALID');
  return { kind: 'service', service, org: typeof org === 'string' && org !== '' ? organisationId(org) : undefined };
}

function keysOf(source: KeySource): JWTVerifyGetKey {
  if ('keys' in source) return createLocalJWKSet(source);
  const keySet = createRemoteJWKSet(new URL(source.url), {
    timeoutDuration: KEY_SET_TIMEOUT_MS,
    cacheMaxAge: KEY_SET_AGE_MS_MAX,
  });
  let readAt = -Infinity;
  return async (header, token) => {
    const isOld = Date.now() - readAt >= KEY_SET_REFRESH_MS;
    if (isOld) readAt = Date.now();
    // No call waits for this. When it fails, the keys at hand go on until they are too old, and then a call says so.
    if (isOld && keySet.fresh) keySet.reload().catch(() => undefined);
    return keySet(header, token);
  };
}
