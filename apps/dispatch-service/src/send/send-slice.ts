import type { ChannelAdapter, SendOutcome } from '@herald/channels';
import { SpanKind } from '@opentelemetry/api';
import { addSpanAttributes, isSampled, withSpan } from '@herald/telemetry';
import { SEND_WINDOW_MS, type ClaimedMessage, type ClaimedSlice } from './claim';
import type { Recorder } from './recorder';
import type { Sender } from './senders';

/** What sending a slice needs of the world. */
export interface SliceDeps {
  channel: Pick<ChannelAdapter, 'send'>;
  recorder: Pick<Recorder, 'begin' | 'record' | 'abandon'>;
  monotonicMs(): number;
  /** Waits for one of the account's places among the requests under way, and returns how to leave it. */
  enter(channelAccountId: string): Promise<() => void>;
  /** Told of each outcome, for the count. */
  onOutcome(kind: SendOutcome['kind']): void;
  /** Called when the provider refused the credentials. */
  credentialsRefused(org: string): void;
}

/** What holds for all messages of a slice. */
export interface SliceContext {
  sender: Sender;
  /** A moment of the monotonic clock before the claim began. */
  claimBeganAtMs: number;
  /** Whether the lease still holds. */
  mayStillSend(): boolean;
  traceparent: string | undefined;
}

/** The provider keeps a message no longer than this: Twilio's ValidityPeriod. */
const VALIDITY_SECONDS_MAX = 36_000;
/** A message whose turn was missed is ready again soon; the pace of its sender decides when it goes. */
const MISSED_RETRY_MS = 1_000;
/** Twilio tries a callback again up to five times, for any failure; without it one lost answer loses the status. */
const CALLBACK_RETRIES = '#rc=5&rp=all';

/**
 * Sends each message of a slice once, and hands every outcome to the recorder. Nothing goes to a socket later than five
 * seconds after the claim began, past its validity, or when `mayStillSend` says no: such messages are not sent, and the
 * recorder gives them a new turn. Resolves when every message has an outcome.
 */
export async function sendSlice(deps: SliceDeps, slice: ClaimedSlice, context: SliceContext): Promise<void> {
  const { sender, claimBeganAtMs, traceparent } = context;
  const expiresAtMs = claimBeganAtMs + slice.expiresInMs;
  const latestMs = Math.min(claimBeganAtMs + SEND_WINDOW_MS, expiresAtMs);
  const mayLeave = () => deps.monotonicMs() < latestMs && context.mayStillSend();
  const parent = traceparent === undefined ? {} : { parent: traceparent };
  const attributes = { 'herald.batch.id': slice.batchId, 'herald.slice.messages': slice.messages.length } as const;
  deps.recorder.begin(slice);
  await withSpan('dispatch send', { kind: SpanKind.CONSUMER, attributes, ...parent }, async () => {
    const results = await Promise.allSettled(
      slice.messages.map(async (message) => {
        const leave = await deps.enter(slice.channelAccountId);
        try {
          const sendIt = () => post(deps, { message, sender, expiresAtMs, org: slice.org }, mayLeave);
          const outcome = mayLeave() ? await traced(message, sendIt) : MISSED;
          deps.recorder.record(slice, message, outcome);
          deps.onOutcome(outcome.kind);
        } finally {
          leave();
        }
      }),
    );
    // A send answers with an outcome, whatever happens; if one threw, its message stays in the slice's row and recovery
    // finds it there, as it would after a crash.
    const failed = results.find((result) => result.status === 'rejected');
    if (!failed) return;
    deps.recorder.abandon(slice);
    throw failed.reason;
  });
}

/** A span for each request to the provider, only where the trace is recorded: a million of them would cost more than the sends. */
function traced({ id, attempt }: ClaimedMessage, send: () => Promise<SendOutcome>): Promise<SendOutcome> {
  if (!isSampled()) return send();
  const attributes = {
    'herald.message.id': id,
    'herald.message.attempt': attempt,
    'http.request.method': 'POST',
  } as const;
  return withSpan('provider send', { kind: SpanKind.CLIENT, attributes }, async () => {
    const outcome = await send();
    addSpanAttributes({ 'herald.outcome': outcome.kind });
    return outcome;
  });
}

/** The outcome of a message whose time to leave was over. */
export const MISSED: SendOutcome = { kind: 'not_sent', retryAfterMs: MISSED_RETRY_MS, reason: 'SEND_WINDOW_MISSED' };

/** What one request to the provider is made of. */
interface Posting {
  org: string;
  message: ClaimedMessage;
  sender: Sender;
  expiresAtMs: number;
}

async function post(
  { channel, monotonicMs, credentialsRefused }: SliceDeps,
  { org, message, sender, expiresAtMs }: Posting,
  mayLeave: () => boolean,
): Promise<SendOutcome> {
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
  if (outcome.kind === 'not_sent' && outcome.reason === 'ACCOUNT_AUTHENTICATION_FAILED') credentialsRefused(org);
  return outcome;
}

/** Our ids go where the provider signs them and gives them back. */
function callbackUrl(statusWebhookUrl: string, { id, attempt }: ClaimedMessage): string {
  return `${statusWebhookUrl}?m=${id}&a=${attempt}${CALLBACK_RETRIES}`;
}
