import { TemplateServiceClient } from '@herald/contracts/template';
import { testIdentity } from '@herald/testing';
import type { TestIdentity } from '@herald/testing';
import { grpcClient, tokenVerifier } from '../src';
import type { TlsFiles } from '../src';
import { certificateFile, identityFiles, memberFiles, TRUST_DOMAIN } from './certificates';
import { refusalOf, REQUEST, runningServer, servedTemplates } from './running-server';
import type { TestServer } from './running-server';

const CA = { caFile: certificateFile('authority') };
/** What a call ends with: that it was answered, or the reason it was not, and the problem where there is one. */
type Ending = 'found' | 'SERVICE_UNAVAILABLE' | 'CALLER_NOT_ALLOWED' | 'UNAUTHENTICATED CERTIFICATE_MISMATCH';

describe('service identity', () => {
  let identity: TestIdentity;
  let test: TestServer | undefined;
  let tokensSeen: number;
  beforeAll(async () => {
    identity = await testIdentity();
  });
  beforeEach(() => (tokensSeen = 0));
  afterEach(async () => {
    await test?.stop();
    test = undefined;
  });

  /** A template service that answers users who may read, and dispatch. */
  const serving = async (tls: TlsFiles) => {
    const { verify } = tokenVerifier(identity.identityOf('template'));
    const services = [
      servedTemplates(async () => ({ template: undefined }), { scopes: ['read'], services: ['dispatch'] }),
    ];
    const counted = (token: string) => ((tokensSeen += 1), verify(token));
    test = await runningServer({ tls, services, identity: { verify: counted } });
    return test;
  };
  const called = async ({ url }: TestServer, tls: TlsFiles, token: string): Promise<string> => {
    const client = grpcClient(TemplateServiceClient, { url, tls, token: async () => token });
    const call = client.getTemplate(REQUEST, { deadlineMs: 5_000 });
    try {
      await call;
      return 'found';
    } catch {
      const { reason, detail } = await refusalOf(call);
      return [reason, detail.metadata?.['problem']].filter((word) => word !== undefined).join(' ');
    } finally {
      client.close();
    }
  };
  const dispatchToken = () => identity.serviceToken('dispatch', 'acme');
  const userToken = () => identity.userToken({ org: 'acme', scopes: ['read'] });

  it.each<[string, () => Promise<string>, TlsFiles, Ending]>([
    ['lets dispatch in by its certificate and token', dispatchToken, memberFiles('dispatch'), 'found'],
    ['lets a user in over the certificate of any service', userToken, memberFiles('gateway'), 'found'],
    ['lets a user in over a certificate that names no service', userToken, memberFiles('host'), 'found'],
    [
      'refuses a service that may not call the method',
      () => identity.serviceToken('gateway', 'acme'),
      memberFiles('gateway'),
      'CALLER_NOT_ALLOWED',
    ],
    [
      'refuses the token of dispatch over the certificate of the gateway',
      dispatchToken,
      memberFiles('gateway'),
      'UNAUTHENTICATED CERTIFICATE_MISMATCH',
    ],
    [
      'refuses the token of dispatch over a certificate that names no service',
      dispatchToken,
      memberFiles('host'),
      'UNAUTHENTICATED CERTIFICATE_MISMATCH',
    ],
    [
      'refuses the token of dispatch over its certificate of another trust domain',
      dispatchToken,
      memberFiles('dispatch-elsewhere'),
      'UNAUTHENTICATED CERTIFICATE_MISMATCH',
    ],
    ['refuses an expired certificate', dispatchToken, memberFiles('dispatch-expired'), 'SERVICE_UNAVAILABLE'],
    [
      'refuses a certificate of another authority',
      dispatchToken,
      memberFiles('dispatch-of-stranger'),
      'SERVICE_UNAVAILABLE',
    ],
    [
      'refuses a client without a certificate',
      dispatchToken,
      { ...CA, trustDomain: TRUST_DOMAIN },
      'SERVICE_UNAVAILABLE',
    ],
    ['refuses a user without a certificate', userToken, { ...CA, trustDomain: TRUST_DOMAIN }, 'SERVICE_UNAVAILABLE'],
    ['refuses plain text', dispatchToken, {}, 'SERVICE_UNAVAILABLE'],
  ])('S5: a server %s', async (_, token, clientFiles, ending) => {
    expect(await called(await serving(memberFiles('template')), clientFiles, await token())).toBe(ending);
    expect(tokensSeen > 0).toBe(ending !== 'SERVICE_UNAVAILABLE');
  });

  it.each([
    ['of another service', 'gateway'],
    ['that names a host and no service, though the host is right', 'host'],
    ['of another trust domain', 'template-elsewhere'],
    ['that has expired', 'template-expired'],
    ['of another authority', 'template-of-stranger'],
  ])('S5: a client shows no token to a server with a certificate %s', async (_, name) => {
    const server = await serving({ ...identityFiles(name), ...CA });
    expect(await called(server, memberFiles('dispatch'), await dispatchToken())).toBe('SERVICE_UNAVAILABLE');
    expect(tokensSeen).toBe(0);
  });

  it.each<[string, TlsFiles, string]>([
    ['an authority', { ...identityFiles('template'), trustDomain: TRUST_DOMAIN }, 'a trust domain needs a caFile'],
    [
      'a name it can have',
      { ...memberFiles('template'), trustDomain: 'Herald.test/ns' },
      '"Herald.test/ns" is no trust domain',
    ],
  ])('S5: neither listens nor calls in a trust domain without %s', async (_, tls, complaint) => {
    await expect(serving(tls)).rejects.toThrow(complaint);
    expect(() => grpcClient(TemplateServiceClient, { url: '127.0.0.1:1', token: dispatchToken, tls })).toThrow(
      complaint,
    );
  });

  it.each(['host', 'template-elsewhere'])(
    'S5: does not listen with a certificate that no client takes: %s',
    async (name) => {
      await expect(serving(memberFiles(name))).rejects.toThrow('names no service of the trust domain herald.test');
    },
  );
});
