import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pair } from './tokens';

/** Serves a key set over HTTP, or whatever it is told to. */
export class KeySetServer {
  answer = { status: 200, body: '', headers: {} };
  asked = 0;
  #server: Server | undefined;

  constructor(...pairs: Pair[]) {
    this.serve(...pairs);
  }

  serve(...pairs: Pair[]): void {
    const body = JSON.stringify({ keys: pairs.map(({ publicJwk }) => publicJwk) });
    this.answer = { status: 200, body, headers: {} };
  }

  async start(port = 0): Promise<string> {
    const server = createServer((_, response) => {
      this.asked += 1;
      response.writeHead(this.answer.status, this.answer.headers).end(this.answer.body);
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
