import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Running } from '@herald/service';
import type { Collector } from './collector';
import type { Question, Role } from './process';
import type { Sink, SinkSettings } from './sink';
import type { Verifier, VerifierSettings } from './verifier';

/** What runs in another process: its methods answer with promises. */
type Remote<T> = {
  [K in keyof T]: T[K] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : T[K];
};

/** A part of the bench in a process of its own. */
export type PartProcess<T> = Remote<T> & Running & { pid: number; url: string };

const PROGRAM = join(__dirname, 'process.ts');

/** Starts a provider that takes everything. */
export const sinkProcess = (settings: SinkSettings) => partProcess<Sink>('sink', settings);
/** Starts what the sink of the end-to-end ceiling reports to. */
export const verifierProcess = (settings: VerifierSettings) => partProcess<Verifier>('verifier', settings);
/** Starts what takes traces in and keeps nothing. */
export const collectorProcess = () => partProcess<Collector>('collector', {});

interface Answered {
  id: number;
  value?: unknown;
  error?: string;
}

/** Forks the process of a part, which ends with this one. Its methods are asked over the channel between the two. */
async function partProcess<T extends object>(role: Role, settings: object): Promise<PartProcess<T>> {
  const child = fork(PROGRAM, [role, JSON.stringify(settings)], {
    execArgv: ['-r', 'tsx/cjs'],
    // Ctrl-C reaches the bench alone, which then stops all in order.
    detached: true,
  });
  const waiting = new Map<number, (answer: Answered) => void>();
  child.on('message', (answer: Answered) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  let asked = 0;
  const ask = (method: string, args: readonly unknown[]) =>
    new Promise((resolve, reject) => {
      const question: Question = { id: asked++, method, args };
      waiting.set(question.id, ({ value, error }) => (error === undefined ? resolve(value) : reject(new Error(error))));
      child.send(question);
    });
  const exited = once(child, 'exit');
  void exited.then(([code]) => {
    for (const answer of waiting.values()) answer({ id: 0, error: `the ${role} ended with code ${String(code)}` });
  });
  const url = (await ask('url', [])) as string;
  const stop = async () => {
    if (child.connected) child.disconnect();
    await exited;
  };
  const own: Record<string, unknown> = { pid: child.pid, url, stop };
  return new Proxy(own, {
    get: (target, name) => {
      // A promise resolves to this, and must not take it for another promise.
      if (typeof name !== 'string' || name === 'then') return undefined;
      return target[name] ?? ((...args: unknown[]) => ask(name, args));
    },
  }) as PartProcess<T>;
}
