import { final } from './grpc-code';

/** Why a call about requests, messages, quotas and the ledger can fail. */
export const DISPATCH_REASONS = {
  HOLD_NOT_FOUND: final('NOT_FOUND', 'The organisation has no hold with this id. List the holds in force.'),
  HOURLY_REQUESTS_EXHAUSTED: final(
    'RESOURCE_EXHAUSTED',
    'The organisation has used its requests of the hour. Repeat after the given delay with the same request_id.',
  ),
  MESSAGE_NOT_FOUND: final('NOT_FOUND', 'The organisation has no message with this id. Check the id.'),
  MESSAGE_NOT_UNKNOWN: final(
    'FAILED_PRECONDITION',
    'The outcome of the message is not unknown, so that nobody is to decide it. Read the message.',
  ),
  NO_CONTACTS: final('INVALID_ARGUMENT', 'The request has no contacts. Name at least one.'),
  REQUEST_FINISHED: final(
    'FAILED_PRECONDITION',
    'Nothing of the request waits or is on its way any more. Read what became of it.',
  ),
  REQUEST_NOT_FOUND: final('NOT_FOUND', 'The organisation has no request with this id. Check the id.'),
  TOO_MANY_CONTACTS: final(
    'INVALID_ARGUMENT',
    'The request has too many contacts. Split it, each part with its own id.',
  ),
} as const;
