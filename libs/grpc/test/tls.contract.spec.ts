import { TemplateServiceClient } from '@herald/contracts/template';
import { grpcClient, type TlsFiles } from '../src';
import { certificateFile, identityFiles } from './certificates';
import { refusalOf, REQUEST, runningServer, type TestServer } from './running-server';

const SERVICE = identityFiles('host');
const STRANGER = identityFiles('host-of-stranger');
const CA = { caFile: certificateFile('authority') };

describe('tls', () => {
  let test: TestServer | undefined;
  afterEach(() => test?.stop());

  /** What a client with these files gets from a server with those: `found`, or the reason of a refusal. */
  const asked = async (servers: TlsFiles | undefined, clients: TlsFiles | undefined) => {
    const started = await runningServer(servers && { tls: servers });
    test = started;
    const client = grpcClient(TemplateServiceClient, {
      ...{ url: started.url, token: async () => started.token },
      ...(clients && { tls: clients }),
    });
    const call = client.getTemplate(REQUEST, { deadlineMs: 5_000 });
    const answer = await call.then(
      () => 'found',
      () => refusalOf(call).then(({ reason }) => reason),
    );
    client.close();
    return answer;
  };

  it.each<[string, TlsFiles, TlsFiles]>([
    ['a server with a certificate of the authority', SERVICE, CA],
    ['both sides with certificates of the authority', { ...SERVICE, ...CA }, { ...SERVICE, ...CA }],
  ])('lets calls through between %s', async (_, servers, clients) => {
    expect(await asked(servers, clients)).toBe('found');
  });

  it.each<[string, TlsFiles | undefined, TlsFiles | undefined]>([
    ['a client in plain text', SERVICE, undefined],
    ['a client without a certificate where the server asks for one', { ...SERVICE, ...CA }, CA],
    ['a client of another authority where the server asks for one', { ...SERVICE, ...CA }, { ...STRANGER, ...CA }],
    ['a server of another authority', STRANGER, CA],
    ['a server in plain text', undefined, CA],
  ])('refuses %s', async (_, servers, clients) => {
    expect(await asked(servers, clients)).toBe('SERVICE_UNAVAILABLE');
  });

  it.each<[string, TlsFiles]>([
    ['a certificate without its key', { certFile: SERVICE.certFile }],
    ['a key without its certificate', { keyFile: SERVICE.keyFile }],
    ['an authority and half of the rest', { ...CA, certFile: SERVICE.certFile }],
  ])('neither listens nor calls in plain text because of %s', async (_, tls) => {
    await expect(runningServer({ tls })).rejects.toThrow('certFile and keyFile');
    const settings = { url: '127.0.0.1:1', token: async () => 'x', tls };
    expect(() => grpcClient(TemplateServiceClient, settings)).toThrow('certFile and keyFile');
  });

  it('does not listen in plain text where an authority is given', async () => {
    await expect(runningServer({ tls: CA })).rejects.toThrow('certFile and keyFile');
  });
});
