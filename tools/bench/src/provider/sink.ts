import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { creationAnswer, lookUpAnswer, REFUSAL, sidMaker } from './answers';
import { callbackSender, type CallbackCounts, type CallbackSettings } from './callback-sender';
import { requestReader, type WholeRequest } from './request-reader';

/** How a sink behaves. */
export interface SinkSettings {
  /** How long it takes to answer a message; 0 answers in the same breath. */
  delayMs: number;
  /** Of how many messages it notes one, with the time; 1 notes all. */
  noteEvery: number;
  /** Where it reports sent and delivered to; without it nothing is reported. */
  callbacks?: CallbackSettings;
}

/** What a sink has seen since it was last told to forget. */
export interface SinkCounts {
  /** Messages taken. */
  taken: number;
  /** Connections that messages came over. */
  connections: number;
  /** Messages under way at once, at most. */
  openMax: number;
  callbacks: CallbackCounts;
}

/** A message as the sink noted it: our own id, from its callback's URL, and when it came in by this machine's clock. */
export interface Note {
  messageId: string;
  accountSid: string;
  takenAtMs: number;
}

/** A provider that takes everything. */
export interface Sink {
  url: string;
  counts(): SinkCounts;
  /** All that was noted since the last time, which are forgotten with this. */
  notes(): Note[];
  /** The newest message as it came: what the bare loop sends again. */
  lastMessage(): WholeRequest | undefined;
  /** Notes every message of an account from now on. */
  watch(accountSid: string): void;
  /** Where callbacks are sent from now on, whatever host their URL names: behind a load balancer, as it were. */
  callAt(origin: string): void;
  forget(): void;
  stop(): Promise<void>;
}

const MESSAGES = /^\/2010-04-01\/Accounts\/(AC[0-9a-f]{32})\/Messages\.json$/;

function noteOf({ body }: WholeRequest, accountSid: string): Note {
  const callback = new URLSearchParams(body).get('StatusCallback') ?? '';
  const messageId = URL.canParse(callback) ? (new URL(callback).searchParams.get('m') ?? '') : '';
  return { messageId, accountSid, takenAtMs: performance.timeOrigin + performance.now() };
}

/**
 * Starts a sink on a free port of loopback: HTTP/1.1 with kept connections by `node:net` alone, because whatever it
 * costs is taken from the two cores that are to be measured. It speaks as much of Twilio's contract as the product needs
 * to send through it.
 */
export async function startSink(settings: SinkSettings): Promise<Sink> {
  const makeSid = sidMaker();
  const reporter = callbackSender(settings.callbacks);
  const sockets = new Set<Socket>();
  const watched = new Set<string>();
  let notes: Note[] = [];
  const used = new Set<Socket>();
  let [taken, seen, open, openMax] = [0, 0, 0, 0];
  let last: WholeRequest | undefined;

  const take = (request: WholeRequest, accountSid: string, socket: Socket) => {
    taken += 1;
    open += 1;
    openMax = Math.max(openMax, open);
    used.add(socket);
    last = request;
    if (seen++ % settings.noteEvery === 0 || watched.has(accountSid)) notes.push(noteOf(request, accountSid));
    const sid = makeSid();
    const answer = () => {
      open -= 1;
      socket.write(creationAnswer(accountSid, sid), 'latin1');
      reporter.report(request.body, accountSid, sid);
    };
    if (settings.delayMs === 0) answer();
    else setTimeout(answer, settings.delayMs);
  };
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    const read = requestReader((request) => {
      const [, accountSid] = request.method === 'POST' ? (MESSAGES.exec(request.target) ?? []) : [];
      if (accountSid !== undefined) take(request, accountSid, socket);
      else if (request.method === 'GET') socket.write(lookUpAnswer(request.target), 'latin1');
      else socket.end(REFUSAL);
    });
    socket.on('data', (piece: Buffer) => {
      try {
        read(piece);
      } catch {
        socket.end(REFUSAL);
      }
    });
    // Whoever resets a connection has no answer coming; the next request makes another.
    socket.on('error', () => socket.destroy()).once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    counts: () => ({ taken, connections: used.size, openMax, callbacks: reporter.counts() }),
    notes: () => notes.splice(0),
    lastMessage: () => last,
    watch: (accountSid) => void watched.add(accountSid),
    callAt: (origin) => reporter.callAt(origin),
    forget: () => {
      [taken, openMax, notes] = [0, 0, []];
      used.clear();
      reporter.forget();
    },
    stop: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await reporter.stop();
    },
  };
}
