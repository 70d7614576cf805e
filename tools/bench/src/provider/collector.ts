import { once } from 'node:events';
import { createServer } from 'node:http';

/** Where the services send their traces. */
export interface Collector {
  url: string;
  /** How many exports came, so that a run can tell whether there was tracing at all. */
  exports(): number;
  stop(): Promise<void>;
}

/** Starts an OTLP endpoint that says that it took what it reads and throws away. */
export async function startCollector(): Promise<Collector> {
  let exports = 0;
  const server = createServer((request, response) => {
    exports += 1;
    request.resume().once('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{}'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    exports: () => exports,
    stop: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
