/** The state a message has when the reason stands beside it; `queued` is one that will be tried again. */
type EndState = 'failed' | 'undelivered' | 'unknown' | 'expired' | 'cancelled' | 'queued' | 'sent';

/** Why a message ended, or stands, as it does. The code of the provider is stored beside it. */
export const MESSAGE_REASONS = {
  ACCOUNT_AUTHENTICATION_FAILED: row('queued', 'The provider refused the credentials. Rotate in valid ones.'),
  ACCOUNT_ON_TRIAL: row(
    'failed',
    'The account is on trial and may write to confirmed numbers alone. Upgrade it at the provider.',
  ),
  ACCOUNT_SUSPENDED: row('failed', 'The provider has suspended the account. Settle it with the provider.'),
  ADDRESS_INVALID_AT_PROVIDER: row('failed', 'The provider says the address does not exist. Correct the address.'),
  ADDRESS_LANDLINE: row('undelivered', 'The number cannot receive text messages. Use another number.'),
  ADDRESS_UNREACHABLE: row('undelivered', 'The handset was off or out of reach. Try again later.'),
  BLOCKED_AT_CARRIER: row('undelivered', 'The carrier or the person blocks this sender. Reach the person elsewhere.'),
  CALLBACK_URL_REFUSED: row(
    'failed',
    'The provider does not take the address of the webhook gateway. Correct HERALD_PUBLIC_URL.',
  ),
  CANCELLED_AT_PROVIDER: row('failed', 'The message was cancelled at the provider. Send it anew if it is wanted.'),
  CARRIER_FILTERED: row(
    'undelivered',
    'The carrier filtered the text. Review the text and the registration of the sender.',
  ),
  CONNECTION_FAILED: row('queued', 'The provider could not be reached, and nothing left. It is tried again.'),
  CONNECTION_RESET: row('unknown', 'The connection broke after the message had left. Wait for word of the provider.'),
  CONTENT_REFUSED: row('failed', 'The provider refuses the text. Change the template.'),
  DELIVERY_FAILED: row('undelivered', 'The provider could not deliver and gives no cause. Try again later.'),
  DELIVERY_UNCONFIRMED: row(
    'sent',
    'No report came within three days, as from carriers that send none. Nothing is to be done.',
  ),
  EXPIRED: row('expired', 'It could not be sent within valid_for. Allow more time or check the pace of the sender.'),
  EXPIRED_AT_PROVIDER: row('failed', 'The provider could not send it within valid_for. Allow more time.'),
  FAILURE_MAY_PASS: row('queued', 'The last try failed for a cause that may pass. It is tried once more, later.'),
  LITIGATOR_BLOCKED: row(
    'failed',
    'The provider blocks this number because its owner goes to court over messages. Leave the person be.',
  ),
  NOT_FOUND_AT_PROVIDER: row(
    'queued',
    'The answer to the last try was lost, and the provider has no such message. It is tried again.',
  ),
  OPTED_OUT_AT_PROVIDER: row('failed', 'The person has opted out at the provider. Do not write to this address.'),
  OWNER_DIED: row(
    'unknown',
    'The sending process died while the message was on its way. Wait for word of the provider.',
  ),
  PROVIDER_ERROR: row('unknown', 'The provider failed after it had the message. Wait for word of the provider.'),
  PROVIDER_REFUSED: row('failed', 'The provider refused the message. Look its code up at the provider.'),
  PUMPING_BLOCKED: row('failed', 'The provider blocked the message as suspected fraud. Settle it with the provider.'),
  QUEUE_OVERFLOW: row('failed', 'The queue of the provider was full. Lower the pace of the sender.'),
  QUIET_HOURS_AT_PROVIDER: row('failed', 'The provider blocks messages at this hour. Send by day.'),
  REGION_NOT_ENABLED: row('failed', 'The account may not send to this country. Enable it at the provider.'),
  RESOLVED_AS_FAILED: row('failed', 'An operator found that it was not sent. Read the history for the evidence.'),
  RESPONSE_TIMEOUT: row('unknown', 'The provider had the message and did not answer in time. Wait for its word.'),
  RESPONSE_UNREADABLE: row('unknown', 'The answer of the provider made no sense. Wait for its word.'),
  SEND_WINDOW_MISSED: row(
    'queued',
    'Its turn came too late after it was claimed, and nothing left. It is tried again.',
  ),
  SENDER_MISCONFIGURED: row('failed', 'The provider does not accept the sender. Validate the channel.'),
  SENDER_NOT_REGISTERED: row(
    'undelivered',
    'The sender is not registered for this traffic. Register it with the provider.',
  ),
  THROTTLED: row('queued', 'The provider asked to slow down, and nothing was taken. It is tried again.'),
  UNKNOWN_OUTCOME: row(
    'failed',
    'The answer was lost, and the provider shows no such message. Send it anew if it is wanted.',
  ),
} as const;

/** The name of why a message ended as it did. */
export type MessageReason = keyof typeof MESSAGE_REASONS;

function row<State extends EndState>(state: State, text: string) {
  return { state, text };
}
