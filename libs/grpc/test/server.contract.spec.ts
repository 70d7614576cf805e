import assert from 'node:assert';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Client, credentials, getChannelzServiceDefinition, logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { service as HealthService } from 'grpc-health-check';
import { GRPC_CODE, HeraldError } from '@herald/errors';
import { eventually } from '@herald/testing';
import { unary, type Caller } from '../src';
import type { ServerSettings } from '../src/grpc-server';
import { identityFiles } from './certificates';
import { fired, GET_TEMPLATE, refusalOf, REQUEST, runningServer, servedServices } from './running-server';
import type { TemplateHandler, TestServer } from './running-server';

const TEMPLATE_SERVICE = 'herald.template.v1.TemplateService';
const CONVERSATION_SERVICE = 'herald.conversation.v1.ConversationService';
const handler: TemplateHandler = async () => ({ template: undefined });

/** Calls the standard services, each of which the package that serves it describes. */
class StandardClient {
  private readonly client: Client;
  constructor(url: string) {
    this.client = new Client(url, credentials.createInsecure());
  }

  /** Asks once, and gives the answer or the code of the refusal. */
  ask(service: ServiceDefinition, rpc: string, request: object): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = service[rpc] as MethodDefinition<object, object>;
    return new Promise((resolve) =>
      this.client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
        resolve(error === null ? answer : error.code),
      ),
    );
  }

  /** Sends one message down a stream of both ways, and gives the first answer. */
  async exchange(service: ServiceDefinition, rpc: string, request: object): Promise<unknown> {
    const { path, requestSerialize, responseDeserialize } = service[rpc] as MethodDefinition<object, object>;
    const stream = this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    stream.end(request);
    const [answer] = (await once(stream, 'data')) as [unknown];
    stream.resume();
    await once(stream, 'end');
    return answer;
  }

  /** What a stream of health tells, one status after the other. */
  watch(service: string): { next(): Promise<string>; stop(): void } {
    const { path, requestSerialize, responseDeserialize } = HealthService['Watch'] as MethodDefinition<object, object>;
    const stream = this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service });
    const told: string[] = [];
    stream.on('data', ({ status }: { status: string }) => told.push(status));
    // A stream that is cut off or given up has nothing more to tell.
    stream.on('error', () => undefined);
    const next = () =>
      eventually(() => {
        const status = told.shift();
        assert(status !== undefined, 'nothing is told');
        return status;
      });
    return { next, stop: () => stream.cancel() };
  }

  async health(service: string): Promise<unknown> {
    const answer = await this.ask(HealthService, 'Check', { service });
    return typeof answer === 'object' && answer !== null && 'status' in answer ? answer.status : answer;
  }

  close(): void {
    this.client.close();
  }
}

/** The names of the files of a reflection answer: each is a FileDescriptorProto, whose first field is its name. */
function filesIn(answer: unknown): string[] {
  const { fileDescriptorResponse } = answer as { fileDescriptorResponse: { fileDescriptorProto: Buffer[] } };
  return fileDescriptorResponse.fileDescriptorProto.map((file) => {
    const reader = new BinaryReader(file);
    reader.tag();
    return reader.string();
  });
}

describe('server', () => {
  const stops: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  const running = async (changes: Partial<ServerSettings> = {}): Promise<TestServer> => {
    const test = await runningServer(changes);
    stops.push(() => test.stop());
    return test;
  };
  const standard = (url: string) => {
    const client = new StandardClient(url);
    stops.push(() => client.close());
    return client;
  };

  describe('start', () => {
    const [template, conversation] = servedServices(handler);
    if (template === undefined || conversation === undefined) throw new Error('there are two services');
    const { getTemplate: _row, ...accessWithout } = template.access;

    it.each([
      ['an RPC without a row', { access: accessWithout }, 'the access table has no row for getTemplate'],
      ['a row that admits nobody', { access: { ...template.access, getTemplate: {} } }, 'nobody may call getTemplate'],
      [
        'a row of lists without entries',
        { access: { ...template.access, getTemplate: { scopes: [], services: [] } } },
        'nobody may call getTemplate',
      ],
      [
        'a row for what is no RPC',
        { access: { ...template.access, getTemplates: { scopes: ['read' as const] } } },
        'the access table names getTemplates, which is no RPC of it',
      ],
      [
        'a method that the server did not make',
        { implementation: { ...template.implementation, getTemplate: () => undefined } },
        'getTemplate must be made by a wrapper of this library, or unimplemented()',
      ],
      [
        'no method',
        { implementation: {} },
        'createTemplate must be made by a wrapper of this library, or unimplemented()',
      ],
    ])('S1: refuses %s', async (_, changes, complaint) => {
      await expect(running({ services: [{ ...template, ...changes }] })).rejects.toThrow(
        `${TEMPLATE_SERVICE}: ${complaint}`,
      );
    });

    it('refuses a stream that is served as if it were none', async () => {
      const implementation = { ...conversation.implementation, agentSession: unary(handler) };
      await expect(running({ services: [{ ...conversation, implementation }] })).rejects.toThrow(
        'agentSession is bidiStreaming, and unary() cannot serve it',
      );
    });

    it('fails where its address or its internal one is taken, and leaves nothing behind', async () => {
      // It also says so on standard error.
      setLogVerbosity(logVerbosity.NONE);
      stops.push(() => setLogVerbosity(logVerbosity.ERROR));
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      stops.push(() => void other.close());
      const { port } = other.address() as { port: number };
      await expect(running({ address: `127.0.0.1:${port}` })).rejects.toThrow('EADDRINUSE');
      await expect(running({ internalAddress: `127.0.0.1:${port}` })).rejects.toThrow('EADDRINUSE');
    });
  });

  describe('health', () => {
    it('is SERVING for the server and each service, and tells nothing of others', async () => {
      const client = standard((await running()).url);
      for (const name of ['', TEMPLATE_SERVICE, CONVERSATION_SERVICE])
        expect(await client.health(name)).toBe('SERVING');
      expect(await client.health('herald.nothing.v1.Nothing')).toBe(GRPC_CODE.NOT_FOUND);
    });

    it('follows its checks, and tells of each change once', async () => {
      let isDown = false;
      let asked = 0;
      const changes: (readonly string[])[] = [];
      const database = async () => {
        asked += 1;
        if (isDown) throw new Error('down');
      };
      const { url } = await running({
        health: { calls: { database }, background: { bus: async () => undefined } },
        ...{ healthPollMs: 5, onHealthChange: (failing) => changes.push(failing) },
      });
      const client = standard(url);
      const watches = ['', TEMPLATE_SERVICE].map((name) => client.watch(name));
      const next = () => Promise.all(watches.map((watch) => watch.next()));
      expect(await next()).toEqual(['SERVING', 'SERVING']);
      isDown = true;
      expect(await next()).toEqual(['NOT_SERVING', 'NOT_SERVING']);
      const askedBefore = asked;
      await eventually(() => expect(asked).toBeGreaterThan(askedBefore + 2));
      isDown = false;
      expect(await next()).toEqual(['SERVING', 'SERVING']);
      expect(changes).toEqual([['database'], []]);
      for (const watch of watches) watch.stop();
    });

    it('P18: goes on SERVING its services while what is behind the calls is away, and says so of the whole', async () => {
      let isAway = true;
      const bus = async () => {
        if (isAway) throw new Error('away');
      };
      const { url } = await running({ health: { calls: {}, background: { bus } }, healthPollMs: 5 });
      const client = standard(url);
      expect(await client.health('')).toBe('NOT_SERVING');
      expect(await client.health(TEMPLATE_SERVICE)).toBe('SERVING');
      isAway = false;
      await eventually(async () => expect(await client.health('')).toBe('SERVING'));
    });

    it('asks before it listens, so that no server is SERVING that never was', async () => {
      const calls = {
        bus: () => {
          throw new Error('before any promise');
        },
        // A part that hangs is as good as none.
        database: () => new Promise<void>(() => undefined),
      };
      const changes: (readonly string[])[] = [];
      const { url } = await running({ health: { calls }, onHealthChange: (names) => changes.push(names) });
      const client = standard(url);
      expect(await client.health('')).toBe('NOT_SERVING');
      expect(await client.health(TEMPLATE_SERVICE)).toBe('NOT_SERVING');
      expect(changes).toEqual([['bus', 'database']]);
    });
  });

  describe('reflection', () => {
    const reflected = (version: string) => {
      const file = require.resolve(`@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`);
      return loadSync(file)[`grpc.reflection.${version}.ServerReflection`] as ServiceDefinition;
    };

    it.each(['v1', 'v1alpha'])('%s lists the services, and gives the files that make one readable', async (version) => {
      const client = standard((await running({ reflection: true })).url);
      const ask = (request: object) => client.exchange(reflected(version), 'ServerReflectionInfo', request);
      const listed = (await ask({ listServices: '' })) as { listServicesResponse: { service: { name: string }[] } };
      expect(listed.listServicesResponse.service.map(({ name }) => name).sort()).toEqual(
        ['grpc.health.v1.Health', CONVERSATION_SERVICE, TEMPLATE_SERVICE].sort(),
      );
      for (const symbol of [TEMPLATE_SERVICE, `${TEMPLATE_SERVICE}.GetTemplate`, 'herald.template.v1.Template']) {
        const files = filesIn(await ask({ fileContainingSymbol: symbol }));
        expect(files).toContain('herald/template/v1/template.proto');
        expect(files).toContain('google/protobuf/timestamp.proto');
        expect(new Set(files).size).toBe(files.length);
      }
      expect(filesIn(await ask({ fileByFilename: 'google/protobuf/timestamp.proto' }))).toHaveLength(1);
      expect(await ask({ fileContainingSymbol: 'herald.nothing.v1.Nothing' })).toMatchObject({
        errorResponse: { errorCode: GRPC_CODE.NOT_FOUND },
      });
    });

    it('S18: tells nothing where it is off', async () => {
      const test = await running({ reflection: false });
      for (const version of ['v1', 'v1alpha']) {
        const { error } = await test.raw(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`);
        expect(error?.reason).toBe('UNIMPLEMENTED');
      }
    });
  });

  describe('the internal address', () => {
    const Channelz = getChannelzServiceDefinition() as unknown as ServiceDefinition;
    const GET_SERVERS = { startServerId: 0, maxResults: 10 };

    it('has channelz alone, and ends with the server', async () => {
      const test = await running({ internalAddress: '127.0.0.1:0' });
      const inside = standard(`127.0.0.1:${test.server.internalPort}`);
      const { server: servers } = (await inside.ask(Channelz, 'GetServers', GET_SERVERS)) as { server: object[] };
      expect(servers.length).toBeGreaterThanOrEqual(2);
      const outside = standard(test.url);
      expect(await outside.ask(Channelz, 'GetServers', GET_SERVERS)).toBe(GRPC_CODE.UNIMPLEMENTED);
      await test.stop();
      expect(await inside.ask(Channelz, 'GetServers', GET_SERVERS)).toBe(GRPC_CODE.UNAVAILABLE);
    });

    it('is nowhere unless it is asked for', async () => {
      expect((await running()).server.internalPort).toBeUndefined();
    });

    it('tells a probe in plain text the health of a server that speaks TLS', async () => {
      const test = await running({ internalAddress: '127.0.0.1:0', tls: identityFiles('host') });
      expect(await standard(test.url).health('')).toBe(GRPC_CODE.UNAVAILABLE);
      const inside = standard(`127.0.0.1:${test.server.internalPort}`);
      expect(await inside.health('')).toBe('SERVING');
      expect(await inside.health(TEMPLATE_SERVICE)).toBe('SERVING');
    });
  });

  describe('stop', () => {
    /** A call that a test ends when it likes. */
    const calledAndHeld = async (test: TestServer) => {
      const started = Promise.withResolvers<AbortSignal>();
      const release = Promise.withResolvers<void>();
      test.answer(async (_, { signal }) => {
        started.resolve(signal);
        await release.promise;
        return { template: undefined };
      });
      const ended = test.raw(GET_TEMPLATE);
      return { ended, signal: await started.promise, release: release.resolve };
    };

    it('says NOT_SERVING first, lets a call end, and takes no new one', async () => {
      const test = await running();
      const watch = standard(test.url).watch('');
      expect(await watch.next()).toBe('SERVING');
      const call = await calledAndHeld(test);
      let hasStopped = false;
      const stopped = test.server.stop(60_000).then(() => (hasStopped = true));
      expect(await watch.next()).toBe('NOT_SERVING');
      const { status, error } = await test.raw(GET_TEMPLATE);
      expect([status.code, error?.reason]).toEqual([GRPC_CODE.UNAVAILABLE, 'SERVICE_UNAVAILABLE']);
      expect((await refusalOf(test.client.getTemplate(REQUEST))).code).toBe(GRPC_CODE.UNAVAILABLE);
      expect([hasStopped, call.signal.aborted]).toEqual([false, false]);
      call.release();
      expect((await call.ended).status.code).toBe(GRPC_CODE.OK);
      await stopped;
    });

    it('goes on telling NOT_SERVING at the internal address until its last call is over', async () => {
      const test = await running({ internalAddress: '127.0.0.1:0' });
      const inside = standard(`127.0.0.1:${test.server.internalPort}`);
      const call = await calledAndHeld(test);
      const stopped = test.server.stop(60_000);
      expect(await inside.health('')).toBe('NOT_SERVING');
      expect(await standard(`127.0.0.1:${test.server.internalPort}`).health('')).toBe('NOT_SERVING');
      call.release();
      expect((await call.ended).status.code).toBe(GRPC_CODE.OK);
      await stopped;
      expect(await inside.health('')).toBe(GRPC_CODE.UNAVAILABLE);
    });

    it('cuts a call that outlasts the grace, and waits for its handler', async () => {
      const test = await running();
      const call = await calledAndHeld(test);
      let hasStopped = false;
      const stopped = test.server.stop(1).then(() => (hasStopped = true));
      const { error } = await call.ended;
      expect([error?.reason, error?.retryable]).toEqual(['SERVER_STOPPING', true]);
      expect(await fired(call.signal)).toBeInstanceOf(HeraldError);
      expect(hasStopped).toBe(false);
      call.release();
      await stopped;
    });

    it('tells a call that is still at the door, and runs no handler for it', async () => {
      const atDoor = Promise.withResolvers<void>();
      const verified = Promise.withResolvers<Caller>();
      let calls = 0;
      const verify = () => {
        atDoor.resolve();
        return verified.promise;
      };
      const test = await running({ identity: { verify } });
      test.answer(async () => ({ template: void (calls += 1) }));
      const ended = test.raw(GET_TEMPLATE);
      await atDoor.promise;
      const stopped = test.server.stop(1);
      expect((await ended).error?.reason).toBe('SERVER_STOPPING');
      verified.resolve({ kind: 'user', org: 'acme', subject: 'ana', scopes: new Set(['read']) });
      await stopped;
      expect(calls).toBe(0);
    });

    it('tells a call that was let in, and whose request is still on its way', async () => {
      const letIn = Promise.withResolvers<void>();
      const verify = async (): Promise<Caller> => {
        letIn.resolve();
        return { kind: 'user', org: 'acme', subject: 'ana', scopes: new Set(['read']) };
      };
      const test = await running({ identity: { verify } });
      const call = test.open(GET_TEMPLATE);
      call.stream.write(Buffer.alloc(1));
      await letIn.promise;
      const stopped = test.server.stop(1);
      expect((await call.answered).reason).toBe('SERVER_STOPPING');
      await call.close();
      await stopped;
    });

    it('happens once, however often it is asked for', async () => {
      const test = await running();
      const call = await calledAndHeld(test);
      const both = Promise.all([test.server.stop(60_000), test.server.stop(60_000)]);
      call.release();
      await both;
      expect((await call.ended).status.code).toBe(GRPC_CODE.OK);
      await test.server.stop();
    });

    it('does not wait for peers that never close', async () => {
      const test = await running();
      await test.client.getTemplate(REQUEST);
      const watch = standard(test.url).watch('');
      await watch.next();
      await test.server.stop(60_000);
    });
  });
});
