import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Accounts, SAMPLE_ACCOUNT } from './accounts';
import type { AccountSettings } from './accounts';
import { apiRoutes } from './api-routes';
import { checkShares, DEFAULT_SHARES } from './behaviour';
import type { Behaviour, Shares } from './behaviour';
import { CallbackSender } from './callbacks';
import { Occurrences } from './chance';
import type { Span } from './chance';
import { controlRoutes } from './control-routes';
import { parseFaults } from './faults';
import { Ledger } from './ledger';
import { LifeCycle } from './life-cycle';
import type { MessageStatus } from './message';
import type { Provider } from './provider';
import { httpServer } from './server';
import { Timers } from './timers';

/** How a simulator is to run. Everything but the directory has a default. */
export interface SimulatorOptions {
  /** Directory of the receipt log; it is made when it is missing. */
  receipts: string;
  /** 0, the default, takes a free port. */
  port?: number;
  /** 127.0.0.1 when left out. The control API asks for no credentials: leave it there outside of closed networks. */
  host?: string;
  /** The same seed makes the same choices for the same recipients. */
  seed?: number;
  /** A fault specification, see {@link parseFaults}. */
  faults?: string;
  /** Accounts besides the sample account, or instead of it when one has its sid. */
  accounts?: readonly AccountSettings[];
  /** Every account accepts every well-formed sender. */
  anySender?: boolean;
  shares?: Shares;
  /** How long a message stays in each status. */
  statusDelay?: Span;
  /** The statuses between the first and the last: `sending`, `sent` or one of them. */
  statuses?: readonly MessageStatus[];
  /** The pause before the first retry of a callback; each further one is twice as long. */
  retryBaseMs?: number;
}

/** A simulator that listens. */
export interface RunningSimulator {
  /** What stands for https://api.twilio.com and https://messaging.twilio.com. */
  url: string;
  /** Where the control API begins: the same address under /_ctl. */
  controlUrl: string;
  /** Closes connections, gives up what is pending and closes the receipt log; a second call waits for the first. */
  stop: () => Promise<void>;
}

const STATUS_DELAY: Span = { minMs: 20, maxMs: 120 };
const RETRY_BASE_MS = 480;

/**
 * Starts a simulator in this process. Messages of an earlier run in the same directory are known again, and those that had not
 * reached their last status go on.
 */
export async function startSimulator(options: SimulatorOptions): Promise<RunningSimulator> {
  const provider = assemble(options);
  const server = httpServer([...apiRoutes(provider), ...controlRoutes(provider)]);
  const url = await listen(server, options.port ?? 0, options.host ?? '127.0.0.1');
  resume(provider);
  let stopped: Promise<void> | undefined;
  return { url, controlUrl: `${url}/_ctl`, stop: () => (stopped ??= stop(provider, server)) };
}

async function stop(provider: Provider, server: Server): Promise<void> {
  provider.timers.clear();
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await Promise.all([closed, provider.callbacks.stop()]);
  provider.ledger.close();
  // Last, because the receipts just written started their messages.
  provider.lifeCycle.clear();
}

function assemble(options: SimulatorOptions): Provider {
  const behaviour = behaviourOf(options);
  const accounts = new Accounts(options.anySender ?? false);
  const { sid, authToken, friendlyName, apiKeys } = SAMPLE_ACCOUNT;
  accounts.put({ sid, authToken, friendlyName, apiKeys });
  for (const account of options.accounts ?? []) accounts.put(account);
  const waiting = new Set<() => void>();
  const onSettled = () => waiting.forEach((check) => check());
  const ledger = new Ledger(options.receipts);
  const callbacks = new CallbackSender(options.retryBaseMs ?? RETRY_BASE_MS, onSettled);
  const lifeCycle = new LifeCycle({ behaviour, accounts, ledger, callbacks, onSettled });
  const isIdle = () => callbacks.counts.pending === 0 && lifeCycle.unfinished === 0;
  const idle = (timeoutMs: number) => untilTrue(isIdle, waiting, timeoutMs);
  const occurrences = new Occurrences();
  return {
    behaviour,
    accounts,
    ledger,
    lifeCycle,
    callbacks,
    occurrences,
    optOuts: new Set(),
    timers: new Timers(),
    idle,
  };
}

function behaviourOf(options: SimulatorOptions): Behaviour {
  return {
    seed: options.seed ?? 1,
    faults: parseFaults(options.faults ?? ''),
    shares: checkShares(options.shares ?? DEFAULT_SHARES),
    rules: [],
    statusDelay: options.statusDelay ?? STATUS_DELAY,
    statuses: options.statuses ?? ['sending', 'sent'],
  };
}

function resume({ ledger, occurrences, lifeCycle }: Provider): void {
  for (const message of ledger.messages) {
    occurrences.atLeast(message.receipt.to, message.receipt.occurrence);
    lifeCycle.start(message);
  }
}

async function listen(server: Server, port: number, host: string): Promise<string> {
  server.listen({ port, host, backlog: 1024 });
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${name}:${address.port}`;
}

/** Resolves with true as soon as the condition holds, checked at each settlement, or with false after the time. */
function untilTrue(condition: () => boolean, waiting: Set<() => void>, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (result: boolean) => {
      clearTimeout(timer);
      waiting.delete(check);
      resolve(result);
    };
    const check = () => {
      if (condition()) finish(true);
    };
    const timer = setTimeout(() => finish(condition()), timeoutMs);
    waiting.add(check);
    check();
  });
}
