import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import { retryPolicy } from './retry-policy';
import type { FailureKind, RetryPolicy } from './retry-policy';
import { signatureOf } from './signature';
import { Timers } from './timers';

/** One call to a webhook. */
export interface Callback {
  /** With its fragment. */
  address: string;
  authToken: string;
  parameters: Readonly<Record<string, string>>;
}

/** How the callbacks stand. */
export interface CallbackCounts {
  /** Waiting for their turn, for an answer or for their next try. */
  pending: number;
  /** Answered with 2xx. */
  delivered: number;
  /** Given up. */
  failed: number;
  /** Never sent, by a fault. */
  dropped: number;
  /** Requests made, retries included. */
  tries: number;
}

interface Pending extends Callback {
  policy: RetryPolicy;
  token: string;
  tries: number;
  startedAt: number;
}

const IN_FLIGHT_MAX = 256;
const CONNECTIONS_PER_HOST_MAX = 64;
const NO_CONNECTION = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPROTO',
]);

/**
 * Sends callbacks: signed form POSTs over kept connections, at most {@link IN_FLIGHT_MAX} at a time, the others waiting
 * in order. A try that fails in a way the URL's retry policy names is repeated after a pause that doubles each time, with the
 * same I-Twilio-Idempotency-Token, until its retries or its total time are used up.
 */
export class CallbackSender {
  readonly counts: CallbackCounts = { pending: 0, delivered: 0, failed: 0, dropped: 0, tries: 0 };
  private readonly agents = new Map<number, Agent>();
  private readonly timers = new Timers();
  private waiting: Pending[] = [];
  private next = 0;
  private inFlight = 0;
  private stopped = false;

  /** `retryBaseMs`: the first pause. 480 makes five retries span 480 × (1 + 2 + 4 + 8 + 16) ms = 14.9 s, just within the total time. */
  constructor(
    private readonly retryBaseMs: number,
    private readonly onSettled: () => void,
  ) {}

  send(callback: Callback): void {
    this.counts.pending += 1;
    this.enqueue({
      ...callback,
      policy: retryPolicy(callback.address),
      token: randomUUID(),
      tries: 0,
      startedAt: performance.now(),
    });
  }

  /** Gives up everything that is pending. */
  clear(): void {
    this.timers.clear();
    this.waiting = [];
    this.next = 0;
    this.counts.pending = this.inFlight;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.clear();
    await Promise.all([...this.agents.values()].map((agent) => agent.destroy()));
  }

  private enqueue(callback: Pending): void {
    this.waiting.push(callback);
    this.pump();
  }

  private pump(): void {
    while (!this.stopped && this.inFlight < IN_FLIGHT_MAX && this.next < this.waiting.length) {
      const callback = this.waiting[this.next] as Pending;
      this.next += 1;
      if (this.next > 1024) {
        this.waiting = this.waiting.slice(this.next);
        this.next = 0;
      }
      this.inFlight += 1;
      void this.attempt(callback);
    }
  }

  private async attempt(callback: Pending): Promise<void> {
    callback.tries += 1;
    this.counts.tries += 1;
    const result = await this.post(callback);
    this.inFlight -= 1;
    this.settle(callback, result);
    this.pump();
  }

  private settle(callback: Pending, result: 'delivered' | 'refused' | FailureKind): void {
    const { policy, tries, startedAt } = callback;
    if (result === 'delivered' || result === 'refused') {
      this.finish(result === 'delivered' ? 'delivered' : 'failed');
      return;
    }
    const pauseMs = this.retryBaseMs * 2 ** (tries - 1);
    const inTime = performance.now() - startedAt + pauseMs <= policy.totalTimeoutMs;
    if (!this.stopped && inTime && tries <= policy.retries && policy.retryOn.has(result)) {
      this.timers.after(pauseMs, () => this.enqueue(callback));
      return;
    }
    this.finish('failed');
  }

  private finish(as: 'delivered' | 'failed'): void {
    this.counts.pending -= 1;
    this.counts[as] += 1;
    this.onSettled();
  }

  private async post({
    policy,
    token,
    authToken,
    parameters,
  }: Pending): Promise<'delivered' | 'refused' | FailureKind> {
    try {
      const { statusCode, body } = await request(policy.url, {
        method: 'POST',
        dispatcher: this.agentFor(policy.connectTimeoutMs),
        headersTimeout: policy.readTimeoutMs,
        bodyTimeout: policy.readTimeoutMs,
        headers: {
          'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
          'user-agent': 'TwilioProxy/1.1',
          accept: '*/*',
          'i-twilio-idempotency-token': token,
          'x-twilio-signature': signatureOf(authToken, policy.url, parameters),
        },
        body: new URLSearchParams(parameters).toString(),
      });
      await body.dump();
      if (statusCode < 300) return 'delivered';
      if (statusCode < 400) return 'refused';
      return statusCode < 500 ? '4xx' : '5xx';
    } catch (error) {
      return NO_CONNECTION.has(codeOf(error)) ? 'ct' : 'rt';
    }
  }

  /** undici takes the time to connect per agent: there is one for each value in use. */
  private agentFor(connectTimeoutMs: number): Agent {
    let agent = this.agents.get(connectTimeoutMs);
    if (!agent) {
      agent = new Agent({ connections: CONNECTIONS_PER_HOST_MAX, connect: { timeout: connectTimeoutMs } });
      this.agents.set(connectTimeoutMs, agent);
    }
    return agent;
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : '';
}
