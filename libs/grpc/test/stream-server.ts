import {
  AgentSessionRequest,
  AgentSessionResponse,
  MonitorConversationResponse,
  type MonitorConversationRequest,
} from '@herald/contracts/conversation';
import { HeraldError } from '@herald/errors';
import { bidiStreaming, serverStreaming } from '../src';
import type { BidiStreamingHandler, ServerStreamingHandler } from '../src/served';
import { runningServer, servedStreams, type TestServer } from './running-server';

/** What answers AgentSession. */
export type Session = BidiStreamingHandler<AgentSessionRequest, AgentSessionResponse>;
/** What answers MonitorConversation. */
export type Monitor = ServerStreamingHandler<MonitorConversationRequest, MonitorConversationResponse>;

/** A message with a number. */
export const beat = (sequence: number) =>
  AgentSessionRequest.fromPartial({ event: { $case: 'heartbeat', value: { sequence } } });
/** The number of a message. */
export const numberOf = ({ event }: AgentSessionRequest) => (event?.$case === 'heartbeat' ? event.value.sequence : -1);
/** An answer with a text. */
export const offer = (offerId: string) =>
  AgentSessionResponse.fromPartial({ event: { $case: 'offer', value: { offerId } } });
/** The text of an answer. */
export const offered = ({ event }: AgentSessionResponse) =>
  event?.$case === 'offer' ? event.value.offerId : undefined;
/** An answer of MonitorConversation with a text. */
export const state = (id: string) =>
  MonitorConversationResponse.fromPartial({ event: { $case: 'conversation', value: { id } } });

/** Answers each message by its number. */
export const echo: Session = async function* (requests) {
  for await (const request of requests) yield offer(String(numberOf(request)));
};

/** So many messages, and then nothing more until it is let go. */
export async function* beats(count: number, hold?: Promise<unknown>) {
  for (let sequence = 1; sequence <= count; sequence += 1) yield beat(sequence);
  await hold;
}

/** What a stream gave before its end, and the error it ended with. */
export async function endOf<T>(stream: AsyncIterable<T>): Promise<{ answers: T[]; error: HeraldError | undefined }> {
  const answers: T[] = [];
  try {
    for await (const answer of stream) answers.push(answer);
    return { answers, error: undefined };
  } catch (error) {
    if (!(error instanceof HeraldError)) throw error;
    return { answers, error };
  }
}

/** What is asked of MonitorConversation where it does not matter. */
export const MONITORED: MonitorConversationRequest = { conversationId: 'one' };

/** What answers the two streams of a server, until a test says otherwise. */
export interface Answering {
  session: Session;
  monitor: Monitor;
}

/** The answers of a server of which no test has said anything yet. */
export function answering(): Answering {
  return {
    session: echo,
    monitor: async function* () {
      yield state('one');
    },
  };
}

/** Starts a server with two streams, which are answered as `by` says at the time. */
export function streamServer(by: Answering, onErrorId: (errorId: string) => void = () => {}): Promise<TestServer> {
  const services = servedStreams({
    agentSession: bidiStreaming<AgentSessionRequest, AgentSessionResponse>((requests, context) =>
      by.session(requests, context),
    ),
    monitorConversation: serverStreaming<MonitorConversationRequest, MonitorConversationResponse>((request, context) =>
      by.monitor(request, context),
    ),
  });
  return runningServer({ services, onError: ({ errorId }) => onErrorId(errorId) });
}
