import { generateKeyPairSync } from 'node:crypto';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { TemplateServiceService } from '@herald/contracts/template';
import { GRPC_CODE } from '@herald/errors';
import { freePort } from '@herald/ports';
import { eventually } from '@herald/testing';
import type { JWK } from 'jose';
import { SERVICE_NAMES, serviceTokens, tokenVerifier, type Scope } from '../src';
import { organisationId } from '../src/identity';
import type { TokenRules } from '../src/token-verifier';
import { BarePeer } from './bare-peer';
import { KeySetServer } from './key-set-server';
import { openDoors, PATHS } from './open-doors';
import { AUDIENCE, badTokens, byJose, ISSUER, ofService, pairOf, seconds, signed, type Pair } from './tokens';

/** Not a message of any method: a server that reads it before it knows its caller says REQUEST_MALFORMED. */
const NO_MESSAGE = Buffer.from([0xff, 0xff, 0xff]);

describe('identity', () => {
  const user = pairOf('user-key');
  const service = pairOf('service-key');
  const stranger = pairOf('user-key');
  const edwards = pairOf('edwards', generateKeyPairSync('ed25519').privateKey);
  const rsa = pairOf('rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey);
  const userKeys = { keys: [user, edwards, rsa].map(({ publicJwk }) => publicJwk) };
  const rules: TokenRules = {
    issuer: ISSUER,
    audience: AUDIENCE,
    userKeys,
    serviceKeys: { keys: [service.publicJwk] },
  };
  const strangersKeys = new KeySetServer(stranger);
  let strangersUrl: string;
  let doors: Awaited<ReturnType<typeof openDoors>>;

  const problemOf = async (token: string) => {
    const error = await doors.call(token);
    return error?.reason === 'UNAUTHENTICATED' ? error.detail.metadata?.['problem'] : error;
  };

  beforeAll(async () => {
    strangersUrl = await strangersKeys.start();
    doors = await openDoors(rules);
  });
  beforeEach(() => doors.seen.splice(0));
  afterAll(async () => {
    await doors.stop();
    await strangersKeys.stop();
  });

  describe('who calls', () => {
    it('S1: answers no RPC without a token, and reads none of its request', async () => {
      expect(PATHS.length).toBeGreaterThan(100);
      const ended = await Promise.all(PATHS.map((path) => doors.send(path, { org: 'acme' }, NO_MESSAGE)));
      expect(ended.filter(({ error }) => error?.detail.metadata?.['problem'] !== 'TOKEN_MISSING')).toEqual([]);
      expect(new Set(ended.map(({ status }) => status.code))).toEqual(new Set([GRPC_CODE.UNAUTHENTICATED]));
    });

    it('S1: answers health and reflection to anybody', async () => {
      const health = await doors.send('/grpc.health.v1.Health/Check', {});
      expect(health.answers).toEqual([Buffer.from([0x08, 1])]);
      const listServices = Buffer.from([0x3a, 0]);
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
      const reflection = await doors.send(path, {}, listServices);
      expect(String(reflection.answers[0])).toContain('herald.template.v1.TemplateService');
    });

    it.each([
      '/herald.template.v1.TemplateService/getTemplate',
      '/herald.template.v1.TemplateService/GetTemplate/',
      '/herald.template.v1.TemplateService/GetTemplate?a=b',
      '//herald.template.v1.TemplateService/GetTemplate',
      '/herald.template.v1.TemplateService/%47etTemplate',
      '/herald.template.v1.TemplateService/constructor',
      '/grpc.channelz.v1.Channelz/GetServers',
    ])('S1: has no way round the door by %s', async (path) => {
      expect((await doors.send(path, {})).error?.reason).toBe('UNIMPLEMENTED');
      expect(doors.seen).toEqual([]);
    });

    it('S1: takes caller and organisation from the token, whatever metadata and request say', async () => {
      const org = 'b1e4a3f0-6f3c-4a71-9d7e-3f7d1c2b5a60';
      const other = 'other-organisation';
      const lies = Object.fromEntries(
        ['org', 'x-org', 'x-org-id', 'org-id', 'sub', 'scope', 'x-user', 'x-forwarded-user'].map((key) => [key, other]),
      );
      const authorization = `Bearer ${signed(user, { org: org.toUpperCase() })}`;
      const request = Buffer.concat([Buffer.from([0x0a, other.length]), Buffer.from(other)]);
      const path = TemplateServiceService.getTemplate.path;
      expect((await doors.send(path, { ...lies, authorization }, request)).error).toBeUndefined();
      expect(doors.seen).toHaveLength(1);
      expect(doors.seen[0]).toMatchObject({ org, method: path.slice(1) });
      expect(doors.seen[0]?.caller).toEqual({ kind: 'user', org, subject: 'ana', scopes: new Set(['read']) });
    });

    it('S1: gives an organisation without a uuid the same one for ever, and two texts never the same', async () => {
      for (const org of ['acme', 'Acme', 'acme ']) await doors.call(signed(user, { org }));
      const [acme, ...others] = doors.seen.map(({ org }) => org);
      expect(acme).toBe('41800a8d-8be9-55e5-b830-b5de7a833ea9');
      expect(new Set([acme, ...others]).size).toBe(3);
    });

    it.each(SERVICE_NAMES)('knows the service %s by its own tokens, and whom it works for', async (name) => {
      const privateKey: JWK = { ...(service.privateKey.export({ format: 'jwk' }) as JWK), kid: service.kid };
      const tokens = serviceTokens({ service: name, privateKey, issuer: ISSUER, audience: AUDIENCE });
      const caller = await tokenVerifier(rules).verify(await tokens.token('b1e4a3f0-6f3c-4a71-9d7e-3f7d1c2b5a60'));
      expect(caller).toEqual({ kind: 'service', service: name, org: 'b1e4a3f0-6f3c-4a71-9d7e-3f7d1c2b5a60' });
      expect(await tokenVerifier(rules).verify(await tokens.token())).toMatchObject({ service: name, org: undefined });
    });

    it('S1: lets a service that works for nobody in only where that is meant, and gives it no organisation', async () => {
      const error = await doors.call(ofService(service, { org: undefined }));
      expect(error?.detail.metadata).toEqual({ problem: 'ORGANISATION_MISSING' });
      const gateway = ofService(service, { sub: 'service:gateway', org: undefined });
      expect(await doors.call(gateway, 'ArchiveTemplate')).toBeUndefined();
      expect(() => doors.seen[0]?.org).toThrow('names no organisation');
    });
  });

  describe('tokens', () => {
    it.each([
      ['ES256', () => user],
      ['EdDSA', () => edwards],
      ['RS256', () => rsa],
    ])('S4: takes a token signed with %s', async (alg, pair) => {
      expect(await doors.call(await byJose(pair(), alg))).toBeUndefined();
      expect(doors.seen).toHaveLength(1);
    });

    it.each([
      ['sent as "bearer"', () => ['bearer', signed(user)]],
      ['that expired within the skew of clocks', () => ['Bearer', signed(user, { exp: seconds(-30) })]],
      ['that begins within the skew of clocks', () => ['Bearer', signed(user, { nbf: seconds(30), iat: seconds(30) })]],
      ['without iat', () => ['Bearer', signed(user, { iat: undefined })]],
      ['for several audiences', () => ['Bearer', signed(user, { aud: ['another', AUDIENCE] })]],
      ['of exactly the longest life', () => ['Bearer', signed(user, { exp: seconds(24 * 3600) })]],
    ])('S4: takes a good token %s', async (_, entry) => {
      const { error } = await doors.send(TemplateServiceService.getTemplate.path, { authorization: entry().join(' ') });
      expect(error).toBeUndefined();
    });

    const keys = { user, service, rsa, stranger, strangersUrl: () => strangersUrl };
    const cases = Object.entries(badTokens(keys)).flatMap(([problem, tokens]) =>
      Object.entries(tokens).map(([name, token]) => ({ problem, name, token })),
    );
    const texts = new Map<string, string>();

    it.each(cases)('S4: refuses as $problem $name, and tells no more', async ({ problem, token }) => {
      const authorization = `Bearer ${await token()}`;
      const { status, error } = await doors.send(TemplateServiceService.getTemplate.path, { authorization });
      expect(error).toMatchObject({ reason: 'UNAUTHENTICATED', code: GRPC_CODE.UNAUTHENTICATED });
      expect(error?.detail).toEqual({ metadata: { problem }, remote: expect.anything(), cause: expect.anything() });
      // One text for everything of one problem: it cannot tell what was wrong with this one.
      expect(error?.message).toBe(texts.get(problem) ?? error?.message);
      texts.set(problem, status.details);
      expect(doors.seen).toEqual([]);
      expect(strangersKeys.asked).toBe(0);
    });

    it('S4: goes by the first of two authorization headers, and never looks at the second', async () => {
      const send = async (...tokens: string[]) => {
        const peer = new BarePeer(doors.port);
        peer.greet();
        const lines = tokens.map((token) => ['authorization', `Bearer ${token}`] as const);
        peer.call(TemplateServiceService.getTemplate.path, lines);
        await eventually(() => expect(peer.answered).toBe(1));
        await peer.end();
      };
      await send(signed(stranger), signed(user));
      expect(doors.seen).toEqual([]);
      await send(signed(user), signed(stranger, { org: 'another' }));
      expect(doors.seen.map(({ org }) => org)).toEqual([organisationId('acme')]);
    });

    it('S4: says that a token expired only when its signature is good', async () => {
      expect(await problemOf(signed(stranger, { exp: seconds(-90) }))).toBe('TOKEN_NOT_VALID');
    });
  });

  describe('scopes', () => {
    const withScope = (scope: unknown) => signed(user, { scope });

    it.each([
      ['read', 'GetTemplate'],
      ['configure', 'GetTemplate'],
      ['send configure', 'CreateTemplate'],
      ['issuers:own configure', 'CreateTemplate'],
      ['operator', 'PublishTemplate'],
    ])('S1: lets a user of the scope "%s" call %s', async (scope, method) => {
      expect(await doors.call(withScope(scope), method)).toBeUndefined();
      expect(doors.seen).toHaveLength(1);
    });

    it.each<[unknown, string, Scope[]]>([
      ['read', 'CreateTemplate', ['configure']],
      ['send agent supervisor operator', 'GetTemplate', ['read', 'configure']],
      ['READ', 'GetTemplate', ['read', 'configure']],
      ['read,configure', 'GetTemplate', ['read', 'configure']],
      ['readers configured', 'GetTemplate', ['read', 'configure']],
      [['read'], 'GetTemplate', ['read', 'configure']],
      [{ read: true }, 'GetTemplate', ['read', 'configure']],
      ['', 'GetTemplate', ['read', 'configure']],
      [undefined, 'GetTemplate', ['read', 'configure']],
    ])('S1: SCOPE_MISSING for %j at %s', async (scope, method, scopes) => {
      const error = await doors.call(withScope(scope), method, NO_MESSAGE);
      expect(error).toMatchObject({ reason: 'SCOPE_MISSING', code: GRPC_CODE.PERMISSION_DENIED });
      expect(error?.detail.metadata).toEqual({
        method: `herald.template.v1.TemplateService/${method}`,
        scopes: scopes.join(' '),
      });
      expect(doors.seen).toEqual([]);
    });

    const everything = 'send read configure agent supervisor operator service:dispatch';
    it.each([
      ['a user, whatever the scopes, where only services call', () => withScope(everything), 'GetTemplateVersion'],
      ['a service that is not listed', () => ofService(service, { sub: 'service:gateway' }), 'GetTemplate'],
      ['a service where only users call', () => ofService(service), 'CreateTemplate'],
      [
        'a service with scopes where only users call',
        () => ofService(service, { scope: everything }),
        'CreateTemplate',
      ],
    ])('S1: CALLER_NOT_ALLOWED for %s', async (_, token, method) => {
      const error = await doors.call(token(), method, NO_MESSAGE);
      expect(error).toMatchObject({ reason: 'CALLER_NOT_ALLOWED', code: GRPC_CODE.PERMISSION_DENIED });
      expect(error?.detail.metadata).toEqual({ method: `herald.template.v1.TemplateService/${method}` });
      expect(doors.seen).toEqual([]);
    });

    it('S1: lets a listed service in, with the organisation it works for', async () => {
      expect(await doors.call(ofService(service, { org: 'acme' }))).toBeUndefined();
      expect(await doors.call(ofService(service, { org: 'acme' }), 'GetTemplateVersion')).toBeUndefined();
      const org = organisationId('acme');
      expect(doors.seen.map(({ caller }) => caller)).toEqual(
        [1, 2].map(() => ({ kind: 'service', service: 'dispatch', org })),
      );
    });

    it('S1: asks streams for the same right before it says that they are not built', async () => {
      const { path } = DispatchServiceService.watchRequest;
      const ended = async (scope: string) =>
        (await doors.send(path, { authorization: `Bearer ${withScope(scope)}` }, NO_MESSAGE)).error?.reason;
      expect(await ended('read')).toBe('SCOPE_MISSING');
      expect(await ended('operator')).toBe('UNIMPLEMENTED');
    });
  });

  describe('a key set at an address', () => {
    const MINUTE_MS = 60_000;
    const old = pairOf('old');
    const next = pairOf('next');
    let keySet: KeySetServer;
    let remote: Awaited<ReturnType<typeof openDoors>>;
    const reasonOf = async (pair: Pair) => (await remote.call(signed(pair)))?.reason;
    /** Keys are remembered by the clock of the machine; that of the tokens stands. */
    const later = (ms: number) => {
      const then = Date.now() + ms;
      jest.spyOn(Date, 'now').mockReturnValue(then);
    };
    const open = async (url: string, changes: Partial<TokenRules> = {}) => {
      remote = await openDoors({ ...rules, userKeys: { url }, now: () => new Date(), ...changes });
    };

    beforeEach(() => {
      keySet = new KeySetServer(old);
    });
    afterEach(async () => {
      jest.restoreAllMocks();
      await remote.stop();
      await keySet.stop();
    });

    it('KEY_SET_UNAVAILABLE until it can be read for the first time', async () => {
      const port = await freePort();
      await open(`http://127.0.0.1:${port}/keys`);
      const error = await remote.call(signed(old));
      expect(error).toMatchObject({ reason: 'KEY_SET_UNAVAILABLE', code: GRPC_CODE.UNAVAILABLE, retryable: true });
      expect(error?.message).not.toContain(String(port));
      expect(remote.seen).toEqual([]);
      await keySet.start(port);
      expect(await reasonOf(old)).toBeUndefined();
    });

    it.each([
      ['answers 500', { status: 500 }],
      ['sends elsewhere, where it is not followed', { status: 302 }],
      ['answers no JSON', { body: '<html>' }],
      ['answers no key set', { body: '{"keys":7}' }],
    ])('KEY_SET_UNAVAILABLE while it %s', async (_, answer) => {
      Object.assign(keySet.answer, { headers: { location: strangersUrl } }, answer);
      await open(await keySet.start());
      expect(await reasonOf(stranger)).toBe('KEY_SET_UNAVAILABLE');
      expect(await reasonOf(old)).toBe('KEY_SET_UNAVAILABLE');
      expect(strangersKeys.asked).toBe(0);
      keySet.serve(old);
      expect(await reasonOf(old)).toBeUndefined();
    });

    it('is not needed for a bad token, nor for a service whose keys are here', async () => {
      await open(`http://127.0.0.1:${await freePort()}/keys`);
      expect((await remote.call('abc'))?.reason).toBe('UNAUTHENTICATED');
      expect(await remote.call(ofService(service))).toBeUndefined();
    });

    it('serves for ten minutes after it was read, outage or not', async () => {
      await open(await keySet.start());
      expect(await reasonOf(old)).toBeUndefined();
      await keySet.stop();
      later(9 * MINUTE_MS);
      expect(await reasonOf(old)).toBeUndefined();
      later(2 * MINUTE_MS);
      expect(await reasonOf(old)).toBe('KEY_SET_UNAVAILABLE');
    });

    it('is read anew each minute that it is used, and no call waits for it', async () => {
      await open(await keySet.start());
      for (let minute = 1; minute <= 12; minute++) {
        expect(await reasonOf(old)).toBeUndefined();
        await eventually(() => expect(keySet.asked).toBe(minute));
        later(MINUTE_MS);
      }
    });

    it('S4: forgets a key that was taken out within a minute and a call', async () => {
      await open(await keySet.start());
      expect(await reasonOf(old)).toBeUndefined();
      keySet.serve(next);
      later(MINUTE_MS);
      await eventually(async () => expect(await reasonOf(old)).toBe('UNAUTHENTICATED'));
      expect(await reasonOf(next)).toBeUndefined();
      expect(keySet.asked).toBe(2);
    });

    it('S4: is read again for a key it does not know, twice a minute at most, and forgets keys taken out', async () => {
      await open(await keySet.start());
      expect(await reasonOf(old)).toBeUndefined();
      keySet.serve(next);
      for (const pair of [next, stranger, next]) expect(await reasonOf(pair)).toBe('UNAUTHENTICATED');
      expect(keySet.asked).toBe(1);
      later(31_000);
      expect(await reasonOf(next)).toBeUndefined();
      expect(await reasonOf(old)).toBe('UNAUTHENTICATED');
      expect(keySet.asked).toBe(2);
    });

    it('S4: opens for five seconds to a token it verified, and no longer once its key is gone', async () => {
      let nowMs = Date.now();
      await open(await keySet.start(), { now: () => new Date(nowMs) });
      const token = signed(old);
      expect(await remote.call(token)).toBeUndefined();
      keySet.serve(next);
      later(31_000);
      expect(await reasonOf(next)).toBeUndefined();
      nowMs += 4_999;
      expect(await remote.call(token)).toBeUndefined();
      nowMs += 1;
      expect((await remote.call(token))?.reason).toBe('UNAUTHENTICATED');
    });

    it('S4: is read once for calls that come together', async () => {
      await open(await keySet.start());
      await Promise.all(Array.from({ length: 20 }, () => reasonOf(old)));
      expect([keySet.asked, remote.seen.length]).toEqual([1, 20]);
    });
  });
});
