import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import twilio from 'twilio';
import { SAMPLE_ACCOUNT, startSimulator } from '../src';
import type { RunningSimulator, SimulatorOptions } from '../src';

/** The official SDK, as the sample account or with other credentials; its HTTP client has ours in the place of Twilio's host. */
export function sdk(
  base: string,
  user: string = SAMPLE_ACCOUNT.sid,
  password: string = SAMPLE_ACCOUNT.authToken,
): twilio.Twilio {
  const httpClient = new twilio.RequestClient();
  const toTwilio = httpClient.request.bind(httpClient);
  httpClient.request = (options) => toTwilio({ ...options, uri: options.uri.replace(/^https:\/\/[^/]+/, base) });
  return twilio(user, password, { accountSid: SAMPLE_ACCOUNT.sid, httpClient });
}

/** One request a webhook got. */
export interface Received {
  url: string;
  headers: IncomingHttpHeaders;
  parameters: Record<string, string>;
  at: number;
}

/** A webhook that notes what it gets; `answer` decides what it says, 204 by default. */
export interface Webhook {
  url: string;
  received: Received[];
  answer: (response: ServerResponse, count: number) => void;
  close: () => Promise<void>;
}

async function startWebhook(): Promise<Webhook> {
  const webhook: Webhook = {
    url: '',
    received: [],
    answer: (response) => response.writeHead(204).end(),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      const parameters = Object.fromEntries(new URLSearchParams(text));
      webhook.received.push({
        url: `http://${request.headers.host}${request.url}`,
        headers: request.headers,
        parameters,
        at: performance.now(),
      });
      webhook.answer(response, webhook.received.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  webhook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return webhook;
}

/** What one test uses, taken down together. */
export class Bench {
  private readonly closing: (() => Promise<void> | void)[] = [];

  directory(): string {
    const directory = mkdtempSync(join(tmpdir(), 'herald-simulator-'));
    this.closing.push(() => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }

  async simulator(options: Partial<SimulatorOptions> = {}): Promise<RunningSimulator> {
    const receipts = options.receipts ?? this.directory();
    const simulator = await startSimulator({
      statusDelay: { minMs: 1, maxMs: 5 },
      retryBaseMs: 10,
      ...options,
      receipts,
    });
    this.closing.push(() => simulator.stop());
    return simulator;
  }

  async webhook(): Promise<Webhook> {
    const webhook = await startWebhook();
    this.closing.push(() => webhook.close());
    return webhook;
  }

  onClose(close: () => Promise<void> | void): void {
    this.closing.push(close);
  }

  /** In reverse: what was started last goes first. */
  async close(): Promise<void> {
    for (const close of this.closing.splice(0).reverse()) await close();
  }
}

/** Calls the control API; answers its JSON, whatever the status. */
export async function control<Answer>(base: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await fetch(`${base}/_ctl/${path}`, init);
  return (await response.json()) as Answer;
}

/** Waits until every message has its last status and every callback its answer. */
export async function untilIdle(
  base: string,
): Promise<{ idle: boolean; delivered: number; failed: number; dropped: number; tries: number }> {
  return control(base, 'POST', 'idle', {});
}

const BASIC = `Basic ${Buffer.from(`${SAMPLE_ACCOUNT.sid}:${SAMPLE_ACCOUNT.authToken}`).toString('base64')}`;

/** One raw request to send, as the sample account. */
export function post(base: string, form: Record<string, string>, authorization = BASIC): Promise<Response> {
  return fetch(`${base}/2010-04-01/Accounts/${SAMPLE_ACCOUNT.sid}/Messages.json`, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ From: '12345', Body: 'hello', ...form }),
    signal: AbortSignal.timeout(10_000),
  });
}
