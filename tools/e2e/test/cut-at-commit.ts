import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** When a connection is cut: before the server hears the commit, or after, so that nobody hears that it happened. */
export type Cut = 'before the commit' | 'after the commit';

/** A way to a database that can lose a connection at the worst moment. */
export interface CutAtCommit {
  /** The connection string of the database by this way. */
  url: string;
  /** Cuts the next connection that commits after a statement with this name; resolves when it is done. */
  cutNext(statement: string, cut: Cut): Promise<void>;
  stop(): Promise<void>;
}

const COMMIT = /\bcommit\b/i;

/** Opens the way. It passes every byte on as it is, and reads only the names of statements and the word COMMIT. */
export async function cutAtCommit(databaseUrl: string): Promise<CutAtCommit> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let order: { statement: string; cut: Cut; done: () => void } | undefined;

  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname);
    let isInIt = false;
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      // Whoever is cut learns it by the close; the reason is ours.
      socket.on('error', () => socket.destroy());
    }
    client.on('data', (bytes) => {
      isInIt ||= order !== undefined && bytes.includes(order.statement);
      if (!isInIt || !order || !COMMIT.test(bytes.toString('latin1'))) {
        database.write(bytes);
        return;
      }
      const { cut, done } = order;
      order = undefined;
      isInIt = false;
      const end = () => {
        client.destroy();
        database.destroy();
        done();
      };
      if (cut === 'before the commit') {
        end();
        return;
      }
      // The answer to the commit proves that it happened; it goes no further.
      database.removeAllListeners('data').once('data', end);
      database.write(bytes);
    });
    database.on('data', (bytes) => client.write(bytes));
    client.on('end', () => database.end());
    database.on('end', () => client.end());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.toString(),
    cutNext: (statement, cut) => new Promise<void>((done) => (order = { statement, cut, done })),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((closed) => server.close(closed));
    },
  };
}
