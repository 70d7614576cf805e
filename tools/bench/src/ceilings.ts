import { setTimeout as pause } from 'node:timers/promises';
import type { WholeRequest } from './provider/request-reader';
import { poster, type Post, type UndiciCall } from './poster';

/** What a bare loop came to. */
export interface Loop {
  messages: number;
  seconds: number;
  latenciesMs: number[];
}

/** What a bare loop is given. */
export interface LoopSettings {
  /** Where the sink is. */
  origin: string;
  request: Post;
  by: UndiciCall;
  connections: number;
  seconds: number;
  /** How many messages may be under way that are not completed; without it only the connections bound them. */
  windowMax?: number;
  /** How many are completed, by whoever knows. */
  completed?: () => Promise<number>;
}

const LOOK_EVERY_MS = 20;

/** The request that the product sent, to be sent again: its path, its headers and its body, byte for byte. */
export function postOf({ target, head, body }: WholeRequest): Post {
  const lines = head.split('\r\n').slice(1);
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  // The connection's own, which undici writes itself.
  const own = new Set(['host', 'connection', 'content-length']);
  return { path: target, headers: Object.fromEntries(headers.filter(([name]) => !own.has(name))), body };
}

/** The same request with its callbacks going elsewhere. */
export function reportingTo(origin: string, request: Post): Post {
  const form = new URLSearchParams(request.body);
  const callback = new URL(form.get('StatusCallback') ?? '');
  form.set('StatusCallback', `${origin}${callback.pathname}${callback.search}${callback.hash}`);
  return { ...request, body: form.toString() };
}

/**
 * Sends one request again and again over so many connections, reads each answer as JSON and looks at its sid. With
 * `completed` it keeps at most `windowMax` messages open, and the clock stops only when all are completed.
 */
export async function bareLoop(settings: LoopSettings): Promise<Loop> {
  const { origin, request, by, connections, seconds, windowMax = Infinity, completed } = settings;
  const { post, close } = poster(connections, by);
  const latenciesMs: number[] = [];
  const startedAtMs = performance.now();
  const until = startedAtMs + seconds * 1000;
  let [sent, done] = [0, 0];
  const loop = async () => {
    while (performance.now() < until) {
      while (sent - done >= windowMax && performance.now() < until) await pause(LOOK_EVERY_MS / 4);
      sent += 1;
      const beganAtMs = performance.now();
      const { status, body } = await post(origin, request);
      const { sid } = JSON.parse(body) as { sid?: unknown };
      if (status !== 201 || typeof sid !== 'string') throw new Error(`the sink answered ${status}`);
      latenciesMs.push(performance.now() - beganAtMs);
    }
  };
  const look = async () => {
    while (completed && (performance.now() < until || done < sent)) {
      done = await completed();
      await pause(LOOK_EVERY_MS);
    }
  };
  try {
    await Promise.all([look(), ...Array.from({ length: connections }, loop)]);
    return { messages: sent, seconds: (performance.now() - startedAtMs) / 1000, latenciesMs };
  } finally {
    await close();
  }
}
