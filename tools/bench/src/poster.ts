import { Agent, type Dispatcher } from 'undici';

/** An answer with its body as text. */
export interface Answer {
  status: number;
  body: string;
}

/** A POST to be made as it stands. */
export interface Post {
  path: string;
  headers: Readonly<Record<string, string>>;
  body: string;
}

/** Sends POSTs over kept connections. */
export interface Poster {
  post(origin: string, request: Post): Promise<Answer>;
  close(): Promise<void>;
}

/** By which of undici's calls: `request`, as its documentation has it, or `dispatch` with a handler, which makes no stream. */
export type UndiciCall = 'request' | 'dispatch';

/** Opens a poster with one request at a time on each of so many connections. It reads every answer to its end. */
export function poster(connections: number, by: UndiciCall): Poster {
  const agent = new Agent({ connections, pipelining: 1, allowH2: false });
  return {
    close: () => agent.destroy(),
    post:
      by === 'request'
        ? (origin, post) => requested(agent, origin, post)
        : (origin, post) => dispatched(agent, origin, post),
  };
}

async function requested(agent: Agent, origin: string, post: Post): Promise<Answer> {
  const { statusCode, body } = await agent.request({ origin, method: 'POST', ...post });
  return { status: statusCode, body: await body.text() };
}

function dispatched(agent: Agent, origin: string, post: Post): Promise<Answer> {
  return new Promise((resolve, reject) => {
    agent.dispatch({ origin, method: 'POST', ...post }, new Reading(resolve, reject));
  });
}

class Reading implements Dispatcher.DispatchHandler {
  #status = 0;
  #chunks: Buffer[] = [];

  constructor(
    private readonly resolve: (answer: Answer) => void,
    private readonly reject: (error: Error) => void,
  ) {}

  onRequestStart(): void {}

  onResponseStart(_controller: unknown, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    const [only, ...more] = this.#chunks;
    const body = more.length === 0 ? (only?.toString('utf8') ?? '') : Buffer.concat(this.#chunks).toString('utf8');
    this.resolve({ status: this.#status, body });
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.reject(error);
  }
}
