import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { testDatabase, type TestDatabase } from '@herald/testing';
import { ORG, sampleMigrations } from '../test/sample';
import { openDatabase, QUERY_TIMEOUT_MS, type Database } from './database';
import { execute, sql, type Tx } from './sql';

/** Stands before a server, and passes nothing on once it has fallen silent: as a machine that is gone. */
class ProxyThatFallsSilent {
  readonly #sockets: Socket[] = [];
  #isSilent = false;
  /** What is still to be called when something is not passed on. */
  #onSwallowed: () => void = () => {};
  readonly #server = createServer((socket) => {
    const { hostname, port } = this.#target;
    const onward = connect(Number(port), hostname);
    this.#pass(socket, onward);
    this.#pass(onward, socket);
  });
  readonly #target: URL;

  constructor(url: string) {
    this.#target = new URL(url);
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.#target);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.toString();
  }

  /** Resolves when something was not passed on. */
  fallSilent(): Promise<void> {
    this.#isSilent = true;
    return new Promise((resolve) => (this.#onSwallowed = resolve));
  }

  speak(): void {
    this.#isSilent = false;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.push(from);
    from.on('data', (bytes) => (this.#isSilent ? this.#onSwallowed() : to.write(bytes)));
    from.on('close', () => to.destroy()).on('error', () => to.destroy());
  }
}

describe('timeouts', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await testDatabase({ service: 'sample', migrations: sampleMigrations });
    await test.asOwner(`insert into parcel (org_id, id, label) values ('${ORG}', 1, 'blue')`);
  });
  afterAll(() => test.close());

  it('S22: every connection bounds its statements, its waits for locks and its idle transactions', async () => {
    const bounds = (tx: Tx) =>
      sql(
        tx,
        `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
                current_setting('idle_in_transaction_session_timeout') as idle`,
      );
    const expected = [{ statement: '5s', lock: '1500ms', idle: '10s' }];
    expect(await test.database.read(ORG, bounds)).toEqual(expected);
    expect(await test.database.worker(bounds)).toEqual(expected);
  });

  // What the bounds are is shown above; here they are made shorter, to see what reaching them does.

  it('S22: ends a statement that does not end', async () => {
    const endless = test.database.read(ORG, async (tx) => {
      await sql(tx, `set local statement_timeout = '100ms'`);
      await sql(tx, 'select pg_sleep(600)');
    });
    await expect(endless).rejects.toMatchObject({ reason: 'DATABASE_BUSY', retryable: true });
  });

  it('S22: ends a transaction that is stuck, and with it the locks it holds', async () => {
    const { promise: never, resolve: giveUp } = Promise.withResolvers<void>();
    const { promise: locked, resolve: hasLocked } = Promise.withResolvers<void>();
    const stuck = test.database.transaction(ORG, async (tx) => {
      await sql(tx, `set local idle_in_transaction_session_timeout = '500ms'`);
      await execute(tx, `update parcel set label = 'red' where id = 1`);
      hasLocked();
      await never;
    });
    await locked;
    const painted = test.database.transaction(ORG, (tx) => execute(tx, `update parcel set label = 'green'`));
    expect(await painted).toBe(1);
    giveUp();
    await expect(stuck).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE', retryable: true });
    expect(await test.asOwner('select label from parcel')).toEqual([{ label: 'green' }]);
  });

  describe('before a server that falls silent', () => {
    let proxy: ProxyThatFallsSilent;
    let database: Database;

    beforeEach(async () => {
      proxy = new ProxyThatFallsSilent(test.url);
      database = await openDatabase({ url: await proxy.start(), service: 'sample', poolMax: 1, workerPoolMax: 1 });
      jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
    });
    afterEach(async () => {
      jest.useRealTimers();
      await database.close();
      proxy.stop();
    });

    it('S22: gives up the statement, and the connection with it', async () => {
      const swallowed = proxy.fallSilent();
      const lost = outcomeOf(database.read(ORG, (tx) => sql(tx, 'select 1')));
      await swallowed;
      await jest.advanceTimersByTimeAsync(QUERY_TIMEOUT_MS);
      expect(await lost).toMatchObject({ reason: 'DATABASE_UNAVAILABLE', retryable: true });
      proxy.speak();
      expect(await database.read(ORG, (tx) => sql(tx, 'select 7 as answer'))).toEqual([{ answer: 7 }]);
    });

    it('does not run again a transaction of whose commit it does not know', async () => {
      let runs = 0;
      let swallowed = Promise.resolve();
      const { promise: worked, resolve: hasWorked } = Promise.withResolvers<void>();
      const unknown = outcomeOf(
        database.transaction(ORG, async (tx) => {
          runs += 1;
          await execute(tx, `update parcel set label = 'grey' where id = 2`);
          swallowed = proxy.fallSilent();
          hasWorked();
        }),
      );
      await worked;
      await swallowed;
      proxy.speak();
      await jest.advanceTimersByTimeAsync(QUERY_TIMEOUT_MS);
      expect(await unknown).toMatchObject({ reason: 'DATABASE_UNAVAILABLE', retryable: true });
      expect(runs).toBe(1);
    });
  });
});

function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => error);
}
