import { Client, credentials, Metadata, type MethodDefinition } from '@grpc/grpc-js';
import { ConversationServiceService } from '@herald/contracts/conversation';
import { decodeStatus } from '@herald/grpc';
import { testIdentity, type TestIdentity } from '@herald/testing';
import { start } from '.';

describe('ConversationService', () => {
  let identity: TestIdentity;
  let service: Awaited<ReturnType<typeof start>>;
  let client: Client;

  beforeAll(async () => {
    identity = await testIdentity();
    service = await start({
      grpc: { address: '127.0.0.1:0', reflection: true, identity: identity.identityOf('conversation') },
    });
    client = new Client(`127.0.0.1:${service.port}`, credentials.createInsecure());
  });
  afterAll(async () => {
    client.close();
    await service.stop();
  });

  const ALL_SCOPES = ['configure', 'read', 'agent', 'supervisor'] as const;
  const tokenOf = (scopes: readonly (typeof ALL_SCOPES)[number][]) => identity.userToken({ org: 'spec', scopes });

  /** Calls any kind of RPC with an empty request and returns the reason it was refused for. */
  const reasonOf = async (
    definition: MethodDefinition<unknown, unknown>,
    token: string | undefined,
  ): Promise<string> => {
    const metadata = new Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    const { path, requestStream, responseStream } = definition;
    const [write, read] = [() => Buffer.alloc(0), (bytes: Buffer) => bytes];
    const error = await new Promise<Error>((resolve) => {
      if (requestStream) client.makeBidiStreamRequest(path, write, read, metadata).on('error', resolve).resume();
      else if (responseStream)
        client.makeServerStreamRequest(path, write, read, {}, metadata).on('error', resolve).resume();
      else
        client.makeUnaryRequest(path, write, read, {}, metadata, (failure) =>
          resolve(failure ?? new Error('it was answered')),
        );
    });
    return decodeStatus(error as never, path).reason;
  };
  const methods = Object.entries(ConversationServiceService) as unknown as [
    string,
    MethodDefinition<unknown, unknown>,
  ][];

  it.each(methods)('%s answers UNIMPLEMENTED, with the reason', async (_name, definition) => {
    expect(await reasonOf(definition, await tokenOf(ALL_SCOPES))).toBe('UNIMPLEMENTED');
  });

  it.each(methods)('S1: %s asks for a token first', async (_name, definition) => {
    expect(await reasonOf(definition, undefined)).toBe('UNAUTHENTICATED');
  });

  it('keeps what supervisors do from agents, and what agents do from configurators', async () => {
    const { forceCloseConversation, acceptOffer } = ConversationServiceService;
    expect(await reasonOf(forceCloseConversation as never, await tokenOf(['agent']))).toBe('SCOPE_MISSING');
    expect(await reasonOf(acceptOffer as never, await tokenOf(['configure']))).toBe('SCOPE_MISSING');
  });

  it('is healthy', async () => {
    const status = await new Promise((resolve, reject) => {
      const read = (bytes: Buffer) => bytes;
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        () => Buffer.alloc(0),
        read,
        {},
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
    // HealthCheckResponse with status SERVING: field 1, value 1.
    expect(status).toEqual(Buffer.from([0x08, 0x01]));
  });
});
