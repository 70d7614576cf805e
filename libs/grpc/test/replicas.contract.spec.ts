import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { TemplateServiceClient } from '@herald/contracts/template';
import { eventually, testIdentity } from '@herald/testing';
import type { TestIdentity } from '@herald/testing';
import { grpcClient, tokenVerifier } from '../src';
import { clientLimits } from '../src/limits';
import { REQUEST, runningServer } from './running-server';
import type { TestServer } from './running-server';

/** The wire to a replica, which is cut as a kill cuts it: every connection at once and in the middle of calls. */
class Wire {
  private readonly sockets = new Set<Socket>();
  private listening: Server | undefined;
  port = 0;

  constructor(private readonly to: number) {}

  async open(): Promise<void> {
    const server = createServer((socket) => {
      const onward = connect(this.to, '127.0.0.1');
      for (const [side, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        this.sockets.add(side);
        side.on('error', () => undefined).on('close', () => other.destroy());
        side.pipe(other);
      }
    });
    this.listening = server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as { port: number }).port;
  }

  cut(): void {
    this.listening?.close();
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }
}

/** One replica, how many calls it began, and the wire to it. */
interface Replica {
  test: TestServer;
  wire: Wire;
  calls: number;
}

describe('replicas', () => {
  let identity: TestIdentity;
  let replicas: Replica[];
  let client: ReturnType<typeof grpcClient<TemplateServiceClient>>;

  beforeAll(async () => {
    identity = await testIdentity();
  });
  beforeEach(async () => {
    replicas = [await started(), await started()];
    const url = `ipv4:${replicas.map(({ wire }) => `127.0.0.1:${wire.port}`).join(',')}`;
    const token = await identity.userToken({ org: 'acme', scopes: ['read'] });
    client = grpcClient(TemplateServiceClient, { url, token: async () => token });
    await bothAreCalled();
  });
  afterEach(async () => {
    client.close();
    for (const { test, wire } of replicas) {
      wire.cut();
      await test.stop();
    }
  });

  const started = async (): Promise<Replica> => {
    const test = await runningServer({ identity: tokenVerifier(identity.identityOf('template')) });
    const replica: Replica = { test, wire: new Wire(test.server.port), calls: 0 };
    test.answer(async () => ({ template: void (replica.calls += 1) }));
    await replica.wire.open();
    return replica;
  };
  const replica = (index: number): Replica => {
    const found = replicas[index];
    if (found === undefined) throw new Error('there are two');
    return found;
  };
  const called = () => client.getTemplate(REQUEST);
  const bothAreCalled = async () => {
    const before = replicas.map(({ calls }) => calls);
    await eventually(async () => {
      await called();
      replicas.forEach(({ calls }, index) => expect(calls).toBeGreaterThan(before[index] ?? 0));
    });
  };
  /** Calls without a pause, and what came of those that failed. */
  const load = (workersMax = 10) => {
    const failures: unknown[] = [];
    let isOver = false;
    const work = async () => {
      while (!isOver) await called().catch((error: unknown) => failures.push(error));
    };
    const workers = Promise.all(Array.from({ length: workersMax }, work));
    return {
      /** Resolves after the replica began some more calls. */
      reaches: (counted: Replica) => {
        const before = counted.calls;
        return eventually(() => expect(counted.calls).toBeGreaterThan(before + 50));
      },
      end: async () => {
        isOver = true;
        await workers;
        return failures;
      },
    };
  };

  it('are called in turn', async () => {
    const before = replicas.map(({ calls }) => calls);
    for (let calls = 0; calls < 20; calls++) await called();
    expect(replicas.map(({ calls }, index) => calls - (before[index] ?? 0))).toEqual([10, 10]);
  });

  it('lose no call when one of them stops in order', async () => {
    const [stays, stops] = [replica(0), replica(1)];
    const calls = load();
    await calls.reaches(stops);
    await stops.test.server.stop();
    await calls.reaches(stays);
    expect(await calls.end()).toEqual([]);
  });

  it('lose no call when one of them is killed: what it had begun is repeated at another', async () => {
    const [stays, killed] = [replica(0), replica(1)];
    const calls = load(100);
    let open = 0;
    const { promise: never, resolve: release } = Promise.withResolvers<{ template: undefined }>();
    killed.test.answer(() => ((open += 1), never));
    await eventually(() => expect(open).toBe(100));
    killed.wire.cut();
    await calls.reaches(stays);
    expect(await calls.end()).toEqual([]);
    release({ template: undefined });
  });

  it('get calls again seconds after they came back', async () => {
    const { wire } = replica(1);
    wire.cut();
    for (let calls = 0; calls < 20; calls++) await called();
    await wire.open();
    await bothAreCalled();
  });

  it('are tried again every five seconds however long they were away', () => {
    expect(clientLimits([])).toMatchObject({ 'grpc.max_reconnect_backoff_ms': 5_000 });
  });
});
