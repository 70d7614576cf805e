import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as it came over the socket. */
export interface Received {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** What a provider does with a request whose last byte it has. */
export type Behaviour = (response: ServerResponse, received: Received) => void;

/** A server on a port of its own that notes what it receives and answers as it is told. */
export class ProviderDouble {
  readonly received: Received[] = [];
  behaviour: Behaviour = answer(500);
  /** How many connections were made to it. */
  connections = 0;
  readonly #server = createServer((request, response) => void this.#take(request, response));

  /** Opens the door and returns its URL. */
  async start(): Promise<string> {
    this.#server.on('connection', () => (this.connections += 1));
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const received = { method, path, headers, body: Buffer.concat(chunks).toString('utf8') };
    this.received.push(received);
    this.behaviour(response, received);
  }
}

/** Answers with a status, headers, and a body that is JSON unless it is text already. */
export function answer(status: number, body: unknown = '', headers: Record<string, string> = {}): Behaviour {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return (response) => response.writeHead(status, headers).end(text);
}

/** Promises more than it sends, and then breaks the connection off. */
export function halfAnAnswer(status: number, body: unknown): Behaviour {
  const text = JSON.stringify(body);
  return (response) => {
    response.writeHead(status, { 'content-length': text.length });
    response.write(text.slice(0, text.length / 2), () => response.socket?.destroySoon());
  };
}

/** Takes the request and says nothing. */
export const silence: Behaviour = () => undefined;

/** Takes the request and resets the connection. */
export const reset: Behaviour = (response) => response.socket?.resetAndDestroy();

/** Takes the request and ends the connection as if it had answered. */
export const hangUp: Behaviour = (response) => response.socket?.end();

/** Answers without end. */
export function endlessAnswer(status: number): Behaviour {
  return (response) => {
    response.writeHead(status);
    const pour = () => {
      while (!response.destroyed && response.write('{"more":"'.padEnd(8_192, 'x')));
    };
    response.on('drain', pour);
    pour();
  };
}

/** Says something that is no HTTP. */
export const gibberish: Behaviour = (response) => response.socket?.end('SMSC ready\r\n\r\n');
