import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemBody } from './problems';
import type { Problem } from './problems';

/** One request and the means to answer it. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  method: string;
  path: string;
  /** The part of the path that each group of the route's pattern matched. */
  groups: string[];
  query: URLSearchParams;
  body: string;
}

/** Answers with text that is JSON already. */
export function answer({ response }: Exchange, status: number, json: string): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(json),
  });
  response.end(json);
}

/** Answers with a value, as JSON. */
export function answerJson(exchange: Exchange, value: unknown, status = 200): void {
  answer(exchange, status, JSON.stringify(value));
}

/** Answers with a refusal in Twilio's shape. */
export function answerProblem(exchange: Exchange, problem: Problem): void {
  const { status, body } = problemBody(problem);
  if (status === 401) exchange.response.setHeader('www-authenticate', 'Basic realm="Twilio API"');
  if (status === 429) exchange.response.setHeader('retry-after', '1');
  answer(exchange, status, body);
}

/** One method and path, and what answers it. */
export interface Route {
  method: string;
  pattern: RegExp;
  handle: (exchange: Exchange) => void | Promise<void>;
}
