import { z } from 'zod';
import { checkShares, parseOutcome } from './behaviour';
import { answerJson } from './exchange';
import type { Exchange, Route } from './exchange';
import { FAULTS, formatFaults, parseFaults } from './faults';
import type { Provider } from './provider';
import { receiptPage, summaryOf } from './receipt-report';
import { receiveMessage } from './receive-message';

const SENDERS = z.array(z.string().min(1));
const ACCOUNT = z.strictObject({
  sid: z.string(),
  authToken: z.string().min(1),
  friendlyName: z.string().optional(),
  apiKeys: z.record(z.string(), z.string()).optional(),
  phoneNumbers: SENDERS.optional(),
  shortCodes: SENDERS.optional(),
  alphaSenders: SENDERS.optional(),
  messagingServices: z.record(z.string(), SENDERS).optional(),
  anySender: z.boolean().optional(),
});
const FAULT_SPEC = z.strictObject({ faults: z.string() });
const OUTCOMES = z.strictObject({
  shares: z.record(z.string(), z.number()).optional(),
  rules: z.array(z.strictObject({ suffix: z.string().min(1), outcome: z.string() })).optional(),
});
const IDLE = z.strictObject({ timeoutMs: z.number().int().min(0).max(600_000).default(30_000) });
const INBOUND = z.strictObject({
  to: z.string().min(1),
  from: z.string().min(1),
  body: z.string().default(''),
  url: z.url(),
  accountSid: z.string().optional(),
  parameters: z.record(z.string(), z.string()).default({}),
});

/** The control API: JSON in, JSON out, without credentials, which is why the simulator listens on the loopback by default. */
export function controlRoutes(provider: Provider): Route[] {
  const route = (method: string, path: string, handle: Route['handle']): Route => ({
    method,
    pattern: new RegExp(`^/_ctl/${path}$`),
    handle: (exchange) => answeringFaults(exchange, handle),
  });
  return [
    route('GET', 'health', (exchange) => answerJson(exchange, health(provider))),
    route('GET', 'receipts', (exchange) => answerJson(exchange, receiptPage(provider, exchange.query))),
    route('GET', 'receipts/summary', (exchange) =>
      answerJson(exchange, summaryOf(provider, exchange.query.get('byMessage') === 'true')),
    ),
    route('DELETE', 'receipts', (exchange) => answerJson(exchange, reset(provider))),
    route('GET', 'faults', (exchange) => answerJson(exchange, faultsOf(provider))),
    route('POST', 'faults', (exchange) => setFaults(provider, exchange)),
    route('GET', 'accounts', (exchange) => answerJson(exchange, { accounts: provider.accounts.list() })),
    route('POST', 'accounts', (exchange) => putAccount(provider, exchange)),
    route('GET', 'outcomes', (exchange) => answerJson(exchange, outcomesOf(provider))),
    route('POST', 'outcomes', (exchange) => setOutcomes(provider, exchange)),
    route('POST', 'inbound', async (exchange) =>
      answerJson(exchange, await receiveMessage(provider, read(exchange, INBOUND))),
    ),
    route('GET', 'callbacks', (exchange) => answerJson(exchange, callbacksOf(provider))),
    route('POST', 'idle', (exchange) => waitUntilIdle(provider, exchange)),
  ];
}

/** Thrown for a body that does not have the shape the route wants. */
class BadControlRequest extends Error {}

async function answeringFaults(exchange: Exchange, handle: Route['handle']): Promise<void> {
  try {
    await handle(exchange);
  } catch (error) {
    if (exchange.response.headersSent) throw error;
    answerJson(exchange, { error: error instanceof Error ? error.message : String(error) }, 400);
  }
}

function read<Shape extends z.ZodType>(exchange: Exchange, shape: Shape): z.infer<Shape> {
  const parsed = shape.safeParse(parseJson(exchange.body));
  if (!parsed.success) throw new BadControlRequest(z.prettifyError(parsed.error));
  return parsed.data;
}

function parseJson(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new BadControlRequest('The body is no JSON. Send an object, for example {"faults":"slow:0.3"}.');
  }
}

function health({ behaviour, ledger }: Provider): Record<string, unknown> {
  return {
    status: 'ok',
    pid: process.pid,
    seed: behaviour.seed,
    faults: formatFaults(behaviour.faults),
    receipts: ledger.messages.length,
  };
}

function reset(provider: Provider): Record<string, unknown> {
  const removed = provider.ledger.messages.length;
  provider.callbacks.clear();
  provider.lifeCycle.clear();
  provider.occurrences.clear();
  provider.optOuts.clear();
  provider.ledger.clear();
  return { removed };
}

function faultsOf({ behaviour }: Provider): Record<string, unknown> {
  return { faults: formatFaults(behaviour.faults), known: FAULTS };
}

function setFaults(provider: Provider, exchange: Exchange): void {
  provider.behaviour.faults = parseFaults(read(exchange, FAULT_SPEC).faults);
  answerJson(exchange, faultsOf(provider));
}

function putAccount(provider: Provider, exchange: Exchange): void {
  const given = Object.entries(read(exchange, ACCOUNT)).filter(([, value]) => value !== undefined);
  answerJson(
    exchange,
    provider.accounts.put(Object.fromEntries(given) as unknown as Parameters<Provider['accounts']['put']>[0]),
    201,
  );
}

function outcomesOf({ behaviour }: Provider): Record<string, unknown> {
  const rules = behaviour.rules.map(({ suffix, status, errorCode }) => ({
    suffix,
    outcome: errorCode === null ? status : `${status}:${errorCode}`,
  }));
  return { shares: behaviour.shares, rules };
}

function setOutcomes(provider: Provider, exchange: Exchange): void {
  const { shares, rules } = read(exchange, OUTCOMES);
  const parsedRules = rules?.map(({ suffix, outcome }) => ({ suffix, ...parseOutcome(outcome) }));
  if (shares) provider.behaviour.shares = checkShares(shares);
  if (parsedRules) provider.behaviour.rules = parsedRules;
  answerJson(exchange, outcomesOf(provider));
}

function callbacksOf({ callbacks, lifeCycle }: Provider): Record<string, unknown> {
  return { ...callbacks.counts, unfinishedMessages: lifeCycle.unfinished };
}

async function waitUntilIdle(provider: Provider, exchange: Exchange): Promise<void> {
  const idle = await provider.idle(read(exchange, IDLE).timeoutMs);
  answerJson(exchange, { idle, ...callbacksOf(provider) }, idle ? 200 : 408);
}
