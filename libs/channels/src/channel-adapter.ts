import type { MessageReason } from '@herald/errors';

/** By what right a provider is called. */
export interface AccountAccess {
  /** The account's id at the provider. */
  accountId: string;
  /** The key to call with, where it is not the account itself. */
  apiKeySid?: string;
  /** The secret of the key, or of the account. It is never logged, and never part of an error. */
  secret: string;
  /** Where a provider-compatible server answers; empty for the provider itself. */
  apiBaseUrl: string;
}

/** A message as a provider takes it. */
export interface OutgoingMessage {
  to: string;
  /** The sender: a number, a short code, a name, or a service of the provider. */
  from: string;
  body: string;
  /** Where the provider reports to, with our ids, which it signs. */
  statusCallbackUrl: string;
  /** How long the provider may keep the message in its own queue, 1 to 36,000 seconds. */
  validForSeconds: number;
}

/**
 * What became of a send. `not_sent` is certain that nothing was taken, so that the message may be sent again;
 * everything that is not certain is `unknown`, because no provider takes an idempotency key.
 */
export type SendOutcome =
  | { kind: 'accepted'; providerId: string; status: string; rank: number }
  | { kind: 'refused'; code: string; reason: MessageReason }
  | { kind: 'not_sent'; retryAfterMs: number; reason: MessageReason }
  | { kind: 'unknown'; reason: MessageReason };

/** What a provider says about an account or a sender. `code` is its own error code, or the HTTP status. */
export type Validation =
  { kind: 'valid' } | { kind: 'invalid'; code: string } | { kind: 'unavailable'; retryAfterMs: number };

/** A webhook as it came in. */
export interface IncomingWebhook {
  /** The URL the provider called: the configured public one, never what a header says. */
  url: string;
  rawBody: Buffer;
  contentType: string;
  signature: string | undefined;
  /** The secrets that may have signed it; two while credentials are rotated. */
  secrets: readonly string[];
}

/** A provider's report on a message. */
export interface StatusReport {
  accountId: string;
  providerId: string;
  status: string;
  errorCode: string;
}

/** The provider cannot say at the moment; it may be asked again after this time. */
interface Unavailable {
  kind: 'unavailable';
  retryAfterMs: number;
}

/** What a provider says about an id of its own. */
export type LookUp = { kind: 'report'; report: StatusReport } | { kind: 'not_there' } | Unavailable;

/** A message whose id at the provider is not known. */
export interface SoughtMessage {
  to: string;
  /** As it was sent: a number, a short code, a name, or a service of the provider. */
  from: string;
  /** The text, to the letter. */
  body: string;
  /** The provider took it at this moment or later, by its clock, if it took it. */
  sentAfter: Date;
  /** The provider took it before this moment. */
  sentBefore: Date;
}

/**
 * What a provider's own list holds that may be the message: every one that agrees in recipient, sender, text and time.
 * Which of them it is, if any, is not for the adapter to guess. `isComplete` is false when the list was too long to be
 * read to its end.
 */
export type Finding = { kind: 'found'; candidates: StatusReport[]; isComplete: boolean } | Unavailable;

/** One kind of channel at one provider. Failures of a provider are answers, not exceptions. */
export interface ChannelAdapter {
  /**
   * Sends once, and never again by itself; takes 15 seconds at most. `mayLeave` is asked when a connection is there and
   * the first byte is about to be written: if it says no, the message is `not_sent`.
   */
  send(message: OutgoingMessage, access: AccountAccess, mayLeave: () => boolean): Promise<SendOutcome>;
  /** Asks what became of a message whose id at the provider is known. */
  lookUp(providerId: string, access: AccountAccess, signal: AbortSignal): Promise<LookUp>;
  /** Searches the provider's own list for a message whose answer was lost. */
  find(sought: SoughtMessage, access: AccountAccess, signal: AbortSignal): Promise<Finding>;
  /** Asks whether the credentials are good. */
  validateAccount(access: AccountAccess, signal: AbortSignal): Promise<Validation>;
  /** Asks whether the account may send from the sender. */
  validateSender(sender: string, access: AccountAccess, signal: AbortSignal): Promise<Validation>;
  /** Waits for the requests under way, and closes the connections; what is asked of it later is not sent. */
  close(): Promise<void>;
}
