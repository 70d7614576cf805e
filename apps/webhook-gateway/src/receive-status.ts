import { isSignedByTwilio, parseStatus, type StatusReport } from '@herald/channels';
import { Provider } from '@herald/contracts/type';
import { failpoint } from '@herald/failpoints';
import { currentTraceparent } from '@herald/telemetry';
import { validate as isUuid } from 'uuid';
import type { AccountDirectory, WebhookAccount } from './account-directory';
import type { CallbackPublisher } from './callback-publisher';
import type { Throttle } from './throttle';

/** A webhook as it came in. */
export interface StatusWebhook {
  /** The part of the path that names the account. */
  segment: string;
  /** Path and query exactly as they were asked for. */
  target: string;
  rawBody: Buffer;
  contentType: string;
  signature: string | undefined;
}

/** What the gateway thought of a webhook; `answer` is all that its sender learns. */
export type Verdict =
  | { kind: 'accepted'; answer: 200 }
  | { kind: 'unknown_path' | 'unsigned' | 'foreign_account'; answer: 403 }
  | { kind: 'not_a_status'; answer: 400 }
  | { kind: 'throttled'; answer: 429 }
  | { kind: 'unavailable'; answer: 503 };

/** What receiving needs of the world. */
export interface ReceiveDeps {
  accounts: AccountDirectory;
  callbacks: CallbackPublisher;
  throttle: Throttle;
  publicUrl: string;
  now(): Date;
  onError(error: unknown): void;
}

/**
 * Twilio gives a callback 15 s with all its repeats (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides):
 * this and the question for the account leave it time to hear that it should come again.
 */
const PUBLISH_MS_MAX = 10_000;
/** Who knows an account's secret may sign anything: what is no id and no word goes no further than here. */
const ID_FORM = /^\w{1,64}$/;
const STATUS_FORM = /^[\w-]{1,64}$/;
const ERROR_CODE_FORM = /^\w{0,32}$/;
/** An attempt as dispatch counts them, from 1. */
const ATTEMPT_FORM = /^[1-9]\d{0,3}$/;

/**
 * Takes a status callback in: finds the account of the path, verifies the signature on the raw bytes against the public
 * URL, reads what it says, publishes it, and says 200 when the bus has taken it. It never throws: what goes wrong on our
 * side is told to `onError`, and to the sender that it may come again.
 *
 * Crash before the publish: the provider, not answered, comes again. After: it may come again, and a repeat changes
 * nothing.
 */
export async function receiveStatus(deps: ReceiveDeps, webhook: StatusWebhook): Promise<Verdict> {
  try {
    return await judge(deps, webhook);
  } catch (error) {
    deps.onError(error);
    return { kind: 'unavailable', answer: 503 };
  }
}

async function judge(deps: ReceiveDeps, webhook: StatusWebhook): Promise<Verdict> {
  const account = await deps.accounts.find(webhook.segment);
  if (account === undefined) return { kind: 'unknown_path', answer: 403 };
  const { rawBody, contentType, signature, target } = webhook;
  // A target may be a whole URL, which is no path of ours and cannot be put behind the public one.
  if (!target.startsWith('/')) return { kind: 'unsigned', answer: 403 };
  const url = deps.publicUrl + target;
  const isSigned = isSignedByTwilio({ url, rawBody, contentType, signature, secrets: account.secrets });
  if (!isSigned) return { kind: 'unsigned', answer: 403 };
  const status = parseStatus(rawBody);
  if (status === undefined || !isWellFormed(status)) return { kind: 'not_a_status', answer: 400 };
  if (status.accountId !== account.providerAccountId) return { kind: 'foreign_account', answer: 403 };
  if (!deps.throttle.admits(account.channelAccountId)) return { kind: 'throttled', answer: 429 };
  await failpoint('webhook.after_verify');
  await within(PUBLISH_MS_MAX, publish(deps, account, { ...status, ...ourIds(url) }));
  await failpoint('webhook.after_publish_before_200');
  return { kind: 'accepted', answer: 200 };
}

function isWellFormed({ providerId, status, errorCode }: StatusReport): boolean {
  return ID_FORM.test(providerId) && STATUS_FORM.test(status) && ERROR_CODE_FORM.test(errorCode);
}

/**
 * The ids we put into the callback's URL, both or neither. The signature covers them; that the message is one of this
 * account is for dispatch to check.
 */
function ourIds(url: string): { messageId: string; attempt: number } {
  const { searchParams } = new URL(url);
  const messageId = searchParams.get('m') ?? '';
  const attempt = searchParams.get('a') ?? '';
  const isOurs = isUuid(messageId) && ATTEMPT_FORM.test(attempt);
  return isOurs ? { messageId: messageId.toLowerCase(), attempt: Number(attempt) } : { messageId: '', attempt: 0 };
}

type ReadStatus = StatusReport & { messageId: string; attempt: number };

function publish(deps: ReceiveDeps, account: WebhookAccount, status: ReadStatus): Promise<void> {
  return deps.callbacks.publish({
    orgId: account.org,
    channelAccountId: account.channelAccountId,
    provider: Provider.TWILIO,
    messageId: status.messageId,
    attempt: status.attempt,
    providerMessageId: status.providerId,
    providerStatus: status.status,
    providerErrorCode: status.errorCode,
    receiveTime: deps.now(),
    traceparent: currentTraceparent() ?? '',
  });
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the bus did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
