import { createHmac, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { SignJWT, type JWK } from 'jose';

export const ISSUER = 'https://issuer.test';
export const AUDIENCE = 'herald-test';

/** A key, with its public half as it stands in a key set. */
export interface Pair {
  privateKey: KeyObject;
  publicJwk: JWK;
  kid: string;
}

/** A key, named by kid; a new one for ES256 unless one is given. */
export function pairOf(kid: string, privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey): Pair {
  return { privateKey, kid, publicJwk: { ...(createPublicKey(privateKey).export({ format: 'jwk' }) as JWK), kid } };
}

/** What stands in a token. */
type Claims = Record<string, unknown>;
const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
/** So many seconds from now, as tokens tell time. A test may move Date.now, by which key sets grow old, without this. */
export const seconds = (fromNow: number) => Math.floor(new Date().getTime() / 1000) + fromNow;

/** The claims of a good token of a user, with changes. A claim that is undefined is left out. */
function claimsOf(changes: Claims = {}): Claims {
  const good = { iss: ISSUER, aud: AUDIENCE, sub: 'ana', org: 'acme', scope: 'read' };
  return { ...good, iat: seconds(0), exp: seconds(600), ...changes };
}

/** Signs by hand: jose itself refuses to make most of what is tried here. */
export function signed({ privateKey, kid }: Pair, claims: Claims = {}, header: Claims = {}): string {
  const content = `${encoded({ alg: 'ES256', kid, typ: 'JWT', ...header })}.${encoded(claimsOf(claims))}`;
  const signature = sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${content}.${signature.toString('base64url')}`;
}

/** A good token of dispatch, for work on behalf of acme. */
export function ofService(pair: Pair, claims: Claims = {}): string {
  return signed(pair, { sub: 'service:dispatch', scope: undefined, ...claims });
}

/** A good token of a user as the library makes it. */
export function byJose({ privateKey, kid }: Pair, alg: string): Promise<string> {
  return new SignJWT(claimsOf()).setProtectedHeader({ alg, kid }).sign(privateKey);
}

/** The keys that bad tokens are made with. The stranger has the user's kid, and serves its key at an address. */
interface Keys {
  user: Pair;
  service: Pair;
  rsa: Pair;
  stranger: Pair;
  strangersUrl: () => string;
}

/** A bad token by the words that say what is bad about it. */
type BadTokens = Record<string, () => string | Promise<string>>;

function swapped(user: Pair, at: number, part: string): string {
  const parts = signed(user).split('.');
  return parts.map((old, index) => (index === at ? part : old)).join('.');
}

function unsigned(alg: string): string {
  return `${encoded({ alg, kid: 'user-key' })}.${encoded(claimsOf())}.`;
}

function hmac(secret: string | Buffer): string {
  const content = `${encoded({ alg: 'HS256', kid: 'user-key' })}.${encoded(claimsOf())}`;
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`;
}

function badlySigned({ user, rsa, stranger }: Keys): BadTokens {
  const publicPem = () => createPublicKey(user.privateKey).export({ format: 'pem', type: 'spki' });
  return {
    'alg none': () => unsigned('none'),
    'alg nOnE': () => unsigned('nOnE'),
    'no alg': () => signed(user, {}, { alg: undefined }),
    'HS256 by the public key': () => hmac(publicPem()),
    'HS256 by the public key in a set': () => hmac(JSON.stringify(user.publicJwk)),
    'HS256 by nothing': () => hmac(''),
    'PS256, by a key of the set': () => byJose(rsa, 'PS256'),
    'RS512, by a key of the set': () => byJose(rsa, 'RS512'),
    'alg of another type of key': () => signed(user, {}, { alg: 'RS256' }),
    'another signer under a known kid': () => signed(stranger),
    'claims changed after signing': () => swapped(user, 1, encoded(claimsOf({ org: 'another' }))),
    'no signature': () => swapped(user, 2, ''),
    'a signature cut short': () => signed(user).slice(0, -4),
    'a signature of zeros': () => swapped(user, 2, Buffer.alloc(64).toString('base64url')),
  };
}

function badlyClaimed({ user, service }: Keys): BadTokens {
  return {
    'another issuer': () => signed(user, { iss: 'https://issuer.test.evil.example' }),
    'issuer with a slash more': () => signed(user, { iss: `${ISSUER}/` }),
    'no issuer': () => signed(user, { iss: undefined }),
    'another audience': () => signed(user, { aud: 'another' }),
    'no audience': () => signed(user, { aud: undefined }),
    'not yet valid': () => signed(user, { nbf: seconds(120) }),
    'issued in the future': () => signed(user, { iat: seconds(120) }),
    'no end': () => signed(user, { exp: undefined }),
    'an end that is a text': () => signed(user, { exp: String(seconds(600)) }),
    'an end out of all bounds': () => signed(user, { exp: 1e300 }),
    'a life too long': () => signed(user, { exp: seconds(24 * 3600 + 10) }),
    'a life too long without iat': () => signed(user, { exp: seconds(25 * 3600), iat: undefined }),
    'a life too long for a service': () => ofService(service, { exp: seconds(910) }),
  };
}

/** Their headers would have the server take a key from elsewhere, or skip what it does not know. */
function badlyHeaded({ user, stranger, strangersUrl }: Keys): BadTokens {
  return {
    'an unknown kid': () => signed(user, {}, { kid: 'another-key' }),
    'a kid that is a path': () => signed(user, {}, { kid: '../../../../dev/null' }),
    'a kid that is an address': () => signed(stranger, {}, { kid: strangersUrl() }),
    'a kid that is __proto__': () => signed(user, {}, { kid: '__proto__' }),
    'jku to keys of a stranger': () => signed(stranger, {}, { jku: strangersUrl() }),
    'x5u to keys of a stranger': () => signed(stranger, {}, { x5u: strangersUrl(), kid: 'another-key' }),
    'jwk of a stranger': () => signed(stranger, {}, { jwk: stranger.publicJwk }),
    'an extension that must be understood': () => signed(user, {}, { crit: ['org'], org: 'acme' }),
    'claims that are not encoded': () => signed(user, {}, { crit: ['b64'], b64: false }),
  };
}

function impostors({ user, service }: Keys): BadTokens {
  return {
    'a subject of no characters': () => signed(user, { sub: '' }),
    "a service's subject by a user's key": () => ofService(user),
    "a service's subject by a user's key under a service's kid": () => ofService({ ...user, kid: service.kid }),
    "a user's subject by a service's key": () => signed(service),
    'a service there is none of': () => ofService(service, { sub: 'service:billing' }),
    'a service with a space more': () => ofService(service, { sub: 'service:dispatch ' }),
  };
}

function malformed({ user }: Keys): BadTokens {
  return {
    'no JWT': () => 'abc',
    'two parts': () => signed(user).split('.').slice(0, 2).join('.'),
    'five parts': () => `${signed(user)}.a.b`,
    'a header that is no JSON': () => swapped(user, 0, 'AAAA'),
    'claims that are no JSON': () => swapped(user, 1, 'AAAA'),
    'claims that are no object': () => swapped(user, 1, encoded(['service:dispatch'])),
    'no kid': () => signed(user, {}, { kid: undefined }),
    'a kid of no characters': () => signed(user, {}, { kid: '' }),
    'a kid that is a list': () => signed(user, {}, { kid: ['user-key'] }),
    'no subject': () => signed(user, { sub: undefined }),
    'a subject that is a list': () => signed(user, { sub: ['service:dispatch'] }),
    'a good one of 9,000 characters': () => signed(user, { filler: 'a'.repeat(6_800) }),
  };
}

function unreadable({ user }: Keys): BadTokens {
  return {
    nothing: () => '',
    'two in one entry': () => `${signed(user)}, Bearer ${signed(user)}`,
    'two by a space': () => `${signed(user)} ${signed(user)}`,
    'the scheme twice': () => `Bearer ${signed(user)}`,
    'quotes around it': () => `"${signed(user)}"`,
    'characters a JWT has not': () => `${signed(user)}=`,
  };
}

function ofNobody({ user, service }: Keys): BadTokens {
  return {
    'no organisation': () => signed(user, { org: undefined }),
    'an organisation that is null': () => signed(user, { org: null }),
    'an organisation that is a number': () => signed(user, { org: 7 }),
    'an organisation that is a list': () => signed(user, { org: ['acme'] }),
    'an organisation of spaces': () => signed(user, { org: '  ' }),
    'a service for an organisation that is an object': () => ofService(service, { org: { id: 'acme' } }),
  };
}

/** Tokens no server may take, by the one word that tells what to mend. They are made when they are asked for. */
export function badTokens(keys: Keys): Record<string, BadTokens> {
  const { user, service } = keys;
  return {
    TOKEN_NOT_VALID: { ...badlySigned(keys), ...badlyClaimed(keys), ...badlyHeaded(keys), ...impostors(keys) },
    TOKEN_EXPIRED: {
      'a user’s': () => signed(user, { iat: seconds(-700), exp: seconds(-90) }),
      'a service’s': () => ofService(service, { iat: seconds(-700), exp: seconds(-90) }),
    },
    TOKEN_MALFORMED: malformed(keys),
    TOKEN_MISSING: unreadable(keys),
    ORGANISATION_MISSING: ofNobody(keys),
  };
}
