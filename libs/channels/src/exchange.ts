import { failpointAfterTurn } from '@herald/failpoints';
import { Agent, type Dispatcher } from 'undici';

/** Providers' answers about one thing have 1 KB or 2; what is larger is not their answer. */
const ANSWER_BYTES_MAX = 64 * 1024;
/** A provider that asks for a longer wait is asked again after this one. */
const RETRY_AFTER_MS_MAX = 60_000;
/**
 * Ten accounts at their full hundred requests, all to the one host of their provider: what waits here for a connection
 * waits for other accounts' answers, so that a few that get none must not hold up the rest. Connections are made when
 * they are needed.
 */
const CONNECTIONS_PER_HOST_MAX = 1_000;
/** Shorter than what servers keep an idle connection for, so that they do not close it as we write to it. */
const IDLE_CONNECTION_MS = 20_000;

/** How long the parts of a request may take, and how many may be under way. */
export interface HttpSettings {
  connectMs: number;
  /** All of it: waiting for a connection, writing, and reading to the last byte. */
  totalMs: number;
  /** Connections to one host at most. */
  connections: number;
}

/** Fifteen seconds in all, as long as Twilio itself waits for a webhook; most answers take a tenth of one. */
const SETTINGS: HttpSettings = { connectMs: 5_000, totalMs: 15_000, connections: CONNECTIONS_PER_HOST_MAX };

/** One HTTP request. */
export interface HttpRequest {
  method: 'GET' | 'POST';
  /** As `https://host:port`. */
  origin: string;
  /** With its query. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: string;
}

/** What may keep a request from leaving, or end the wait for its answer. */
export interface Limits {
  signal?: AbortSignal;
  /** Asked once, when the first byte is about to be written. */
  mayLeave?: () => boolean;
  /** How much of an answer is read; 64 KiB when it is left out. */
  answerBytesMax?: number;
}

/**
 * What came of a request: an answer, the certainty that not one byte left, or neither. An answer counts from its status
 * on; its body is undefined when it was cut off, is longer than it may be or is no JSON.
 */
export type Exchange =
  | { kind: 'answer'; status: number; retryAfterMs: number | undefined; body: unknown }
  | { kind: 'not_left'; why: 'not_connected' | 'too_late' }
  | { kind: 'lost'; why: 'timeout' | 'reset' };

/** Connections to whatever hosts are asked for. Redirects are not followed, and nothing is repeated. */
export interface HttpPool {
  exchange(request: HttpRequest, limits?: Limits): Promise<Exchange>;
  close(): Promise<void>;
}

/**
 * Opens a pool; connections are made when they are needed. HTTP/1.1 only: after the GOAWAY of an HTTP/2 server undici
 * would write a request a second time.
 */
export function httpPool(settings: HttpSettings = SETTINGS): HttpPool {
  const agent = new Agent({
    allowH2: false,
    connections: settings.connections,
    pipelining: 1,
    connect: { timeout: settings.connectMs },
    // The time-out of the whole covers both, and also the wait for a connection.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_CONNECTION_MS,
  });
  return {
    close: () => agent.close(),
    exchange: ({ method, origin, path, headers, body = null }, limits = {}) => {
      const call = new Call(settings.totalMs, limits);
      agent.dispatch({ origin, path, method, headers, body }, call);
      return call.result;
    },
  };
}

/**
 * One request on its way. undici calls `onRequestStart` when a connection is there and the first byte is next to be
 * written: what failed before that did not leave, whatever the error was; what failed later may have arrived.
 */
class Call implements Dispatcher.DispatchHandler {
  readonly result: Promise<Exchange>;
  readonly #limits: Limits;
  readonly #timer: NodeJS.Timeout;
  #resolve: ((exchange: Exchange) => void) | undefined;
  #isSettled = false;
  /** There from the moment that bytes may have left. */
  #controller: Dispatcher.DispatchController | undefined;
  #head: { status: number; retryAfterMs: number | undefined } | undefined;
  #answer: Exchange | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(totalMs: number, limits: Limits) {
    this.#limits = limits;
    this.result = new Promise((resolve) => (this.#resolve = resolve));
    this.#timer = setTimeout(giveUp, totalMs, this);
    limits.signal?.addEventListener('abort', this);
    if (limits.signal?.aborted) this.giveUp();
  }

  /** The caller's signal was aborted. */
  handleEvent(): void {
    this.giveUp();
  }

  /** Ends the wait. A request that is still in line will not leave any more; one that is answered is answered. */
  giveUp(): void {
    if (this.#answer) return this.tell();
    this.#settle(this.#broken('timeout'));
    this.#controller?.abort(new Error('the wait for the answer is over'));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A throw, unlike an abort, leaves the connection to the next request.
    if (this.#isSettled) throw new Error('nobody waits for the answer');
    if (this.#limits.mayLeave?.() === false) {
      this.#settle({ kind: 'not_left', why: 'too_late' });
      throw new Error('the time to leave is over');
    }
    this.#controller = controller;
    failpointAfterTurn('dispatch.after_write');
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    // Below 200 it is a word on the way to the answer.
    if (status >= 200) this.#head = { status, retryAfterMs: retryAfter(headers['retry-after']) };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.byteLength;
    if (this.#bytes <= (this.#limits.answerBytesMax ?? ANSWER_BYTES_MAX)) return void this.#chunks.push(chunk);
    this.#settle(this.#broken('reset'));
    controller.abort(new Error('the answer is too long'));
  }

  onResponseEnd(): void {
    if (!this.#head || this.#isSettled) return;
    this.#answer = { kind: 'answer', ...this.#head, body: readJson(this.#chunks) };
    whenConnectionsAreFree(this);
  }

  /** Gives the answer to who waits for it. */
  tell(): void {
    if (this.#answer) this.#settle(this.#answer);
  }

  onResponseError(): void {
    this.#settle(this.#broken('reset'));
  }

  #broken(why: 'timeout' | 'reset'): Exchange {
    if (this.#head) return { kind: 'answer', ...this.#head, body: undefined };
    return this.#controller ? { kind: 'lost', why } : { kind: 'not_left', why: 'not_connected' };
  }

  #settle(exchange: Exchange): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#chunks = [];
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener('abort', this);
    this.#resolve?.(exchange);
  }
}

let answered: Call[] = [];

/**
 * undici lets a connection go by setImmediate after its answer. Whoever heard of the answer before that would have the next
 * request made on another connection: there were twice as many as requests under way, and a tenth less was sent in the same
 * time. The first setImmediate is reached when those connections are about to be let go, and the second when they were.
 */
function whenConnectionsAreFree(call: Call): void {
  answered.push(call);
  if (answered.length === 1) setImmediate(tellAfterNextTurn);
}

function tellAfterNextTurn(): void {
  const calls = answered;
  answered = [];
  setImmediate(tellAll, calls);
}

function tellAll(calls: readonly Call[]): void {
  for (const call of calls) call.tell();
}

/** One function for all calls: a closure for each would cost as much as its timer. */
function giveUp(call: Call): void {
  call.giveUp();
}

function readJson(chunks: readonly Buffer[]): unknown {
  try {
    const [first] = chunks;
    const bytes = first && chunks.length === 1 ? first : Buffer.concat(chunks);
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    // What cannot be read is as good as nothing, and who asked decides what that means.
    return undefined;
  }
}

/** The wait a provider asks for, in seconds; a date is not read, because it would be by the provider's clock. */
function retryAfter(header: string | string[] | undefined): number | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text) * 1000, RETRY_AFTER_MS_MAX) : undefined;
}
