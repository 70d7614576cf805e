import type { ChannelAdapter, SendOutcome } from '@herald/channels';
import { SpanKind } from '@opentelemetry/api';
import { addSpanAttributes, isSampled, withSpan } from '@herald/telemetry';
import { SEND_WINDOW_MS, type ClaimedMessage, type ClaimedSlice } from '../claim/claim';
import type { Departing } from './departures';
import type { Answer, Place } from './places';
import { turnsOf } from './pace';
import { MISSED } from '../record/missed';
import type { Recorder } from '../record/recorder';
import type { Sender } from './senders';

/** What sending a slice needs of the world. */
export interface SliceDeps {
  channel: Pick<ChannelAdapter, 'send'>;
  recorder: Pick<Recorder, 'begin' | 'record' | 'abandon'>;
  monotonicMs(): number;
  /** Told how many messages of a slice had an outcome of this kind, for the count. */
  onOutcomes(kind: SendOutcome['kind'], messages: number): void;
  /** Called when the provider refused the credentials. */
  credentialsRefused(org: string): void;
}

/** What holds for all messages of a slice. */
export interface SliceContext {
  sender: Sender;
  /** A moment of the monotonic clock before the claim began. */
  claimBeganAtMs: number;
  /** When the turn of its first message is, by the monotonic clock. */
  startsAtMs: number;
  isReply: boolean;
  traceparent: string | undefined;
  /** Whether the lease still holds. */
  mayStillSend(): boolean;
  /** Waits until a message may leave, and gives it a place among its account's requests. */
  turn(message: Departing): Promise<Place>;
  /** What becomes of a message whose account or sender is left alone by now; undefined while it may be sent. */
  refusal(): SendOutcome | undefined;
  /** Told of each outcome, for whether to go on sending. */
  ended(outcome: SendOutcome): void;
}

/** The provider keeps a message no longer than this: Twilio's ValidityPeriod. */
const VALIDITY_SECONDS_MAX = 36_000;
/** Twilio tries a callback again up to five times, for any failure; without it one lost answer loses the status. */
const CALLBACK_RETRIES = '#rc=5&rp=all';

/**
 * Sends each message of a slice once and at its turn, and hands every outcome to the recorder. Nothing goes to a socket
 * later than five seconds after the claim began, past its validity, or when `mayStillSend` says no: such messages are not
 * sent, and the recorder gives them a new turn. Resolves when every message has an outcome.
 */
export async function sendSlice(deps: SliceDeps, slice: ClaimedSlice, context: SliceContext): Promise<void> {
  const { sender, startsAtMs, traceparent } = context;
  const parent = traceparent === undefined ? {} : { parent: traceparent };
  const attributes = { 'herald.batch.id': slice.batchId, 'herald.slice.messages': slice.messages.length } as const;
  const turns = turnsOf(slice.messages, { startsAtMs, segmentsPerSecond: sender.segmentsPerSecond });
  const expiresAtMs = context.claimBeganAtMs + slice.expiresInMs;
  const latestMs = Math.min(context.claimBeganAtMs + SEND_WINDOW_MS, expiresAtMs);
  const mayLeave = () => deps.monotonicMs() < latestMs && context.mayStillSend();
  const sending: Sending = { slice, context, expiresAtMs, mayLeave, outcomes: new Map() };
  deps.recorder.begin(slice);
  await withSpan('dispatch send', { kind: SpanKind.CONSUMER, attributes, ...parent }, async () => {
    const results = await Promise.allSettled(
      slice.messages.map((message, index) => sendInTurn(deps, sending, message, turns[index] ?? 0)),
    );
    for (const [kind, messages] of sending.outcomes) deps.onOutcomes(kind, messages);
    // A send answers with an outcome, whatever happens; if one threw, its message stays in the slice's row and recovery
    // finds it there, as it would after a crash.
    const failed = results.find((result) => result.status === 'rejected');
    if (!failed) return;
    deps.recorder.abandon(slice);
    throw failed.reason;
  });
}

/** A slice on its way: what holds for each of its messages is made once. */
interface Sending {
  slice: ClaimedSlice;
  context: SliceContext;
  expiresAtMs: number;
  mayLeave(): boolean;
  /** How many messages had an outcome of each kind: a count for each message alone would show in profiles. */
  outcomes: Map<SendOutcome['kind'], number>;
}

async function sendInTurn(deps: SliceDeps, sending: Sending, message: ClaimedMessage, turnMs: number): Promise<void> {
  const { slice, context, mayLeave } = sending;
  const { sender, isReply } = context;
  const { segments } = message;
  const place = await context.turn({ accountId: sender.channelAccountId, segments, turnMs, isReply });
  let answer: Answer = 'other';
  try {
    const outcome = context.refusal() ?? (mayLeave() ? await traced(deps, sending, message) : MISSED);
    answer = answerOf(outcome);
    context.ended(outcome);
    deps.recorder.record(slice, message, outcome);
    sending.outcomes.set(outcome.kind, (sending.outcomes.get(outcome.kind) ?? 0) + 1);
  } finally {
    place.leave(answer);
  }
}

/** What an outcome says of how many requests the account takes. */
function answerOf(outcome: SendOutcome): Answer {
  if (outcome.kind === 'accepted') return 'accepted';
  return outcome.kind === 'not_sent' && outcome.reason === 'THROTTLED' ? 'throttled' : 'other';
}

/** A span for each request to the provider, only where the trace is recorded: a million of them would cost more than the sends. */
function traced(deps: SliceDeps, sending: Sending, message: ClaimedMessage): Promise<SendOutcome> {
  if (!isSampled()) return post(deps, sending, message);
  const { id, attempt } = message;
  const attributes = {
    'herald.message.id': id,
    'herald.message.attempt': attempt,
    'http.request.method': 'POST',
  } as const;
  return withSpan('provider send', { kind: SpanKind.CLIENT, attributes }, async () => {
    const outcome = await post(deps, sending, message);
    addSpanAttributes({ 'herald.outcome': outcome.kind });
    return outcome;
  });
}

async function post(
  { channel, monotonicMs, credentialsRefused }: SliceDeps,
  { slice, context, expiresAtMs, mayLeave }: Sending,
  message: ClaimedMessage,
): Promise<SendOutcome> {
  const { sender } = context;
  const leftSeconds = Math.floor((expiresAtMs - monotonicMs()) / 1000);
  const outcome = await channel.send(
    {
      to: message.toAddress,
      from: sender.address,
      body: message.body,
      statusCallbackUrl: callbackUrl(sender.statusWebhookUrl, message),
      validForSeconds: Math.min(Math.max(leftSeconds, 1), VALIDITY_SECONDS_MAX),
    },
    sender.access,
    mayLeave,
  );
  if (outcome.kind === 'not_sent' && outcome.reason === 'ACCOUNT_AUTHENTICATION_FAILED') credentialsRefused(slice.org);
  return outcome;
}

/** Our ids go where the provider signs them and gives them back. */
function callbackUrl(statusWebhookUrl: string, { id, attempt }: ClaimedMessage): string {
  return `${statusWebhookUrl}?m=${id}&a=${attempt}${CALLBACK_RETRIES}`;
}
