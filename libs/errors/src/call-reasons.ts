import { final, transient } from './grpc-code';

/** Why any call can fail, whatever it asks for: its form, its caller, its deadline, and the parts behind the service. */
export const CALL_REASONS = {
  BUS_UNAVAILABLE: transient('UNAVAILABLE', 'The event bus does not answer. Repeat the call.'),
  CALLER_NOT_ALLOWED: final('PERMISSION_DENIED', 'This caller may not use this method. Call it as one that may.'),
  CANCELLED: final('CANCELLED', 'The caller gave the call up. Repeat it if its answer is still wanted.'),
  DATABASE_BUSY: transient('UNAVAILABLE', 'Every database connection is taken. Repeat the call after a short wait.'),
  DATABASE_UNAVAILABLE: transient('UNAVAILABLE', 'The database does not answer. Repeat the call after a short wait.'),
  DEADLINE_EXCEEDED: transient(
    'DEADLINE_EXCEEDED',
    'The answer was not ready in time, and the work may be done. Repeat with the same request_id and a later deadline.',
  ),
  DEADLINE_TOO_SHORT: final('DEADLINE_EXCEEDED', 'Less than 100 ms were left and nothing was done. Allow more time.'),
  FIELD_MASK_INVALID: final('INVALID_ARGUMENT', 'The update mask names what may not be updated. Correct the mask.'),
  INTERNAL: final('INTERNAL', 'Herald failed. Quote the error id to whoever runs it.'),
  INVALID_FIELD: final('INVALID_ARGUMENT', 'Fields are missing or wrong. Correct every field that is listed.'),
  KEY_SET_UNAVAILABLE: transient('UNAVAILABLE', 'The keys of the token issuer cannot be read now. Repeat the call.'),
  MESSAGE_TOO_LARGE: final('RESOURCE_EXHAUSTED', 'The request or answer exceeds the size limit. Send or ask for less.'),
  PAGE_TOKEN_INVALID: final('INVALID_ARGUMENT', 'The page token is not one this list gave. Start at the first page.'),
  REQUEST_ID_REUSED: final('ALREADY_EXISTS', 'The request_id belongs to a call with other content. Take a new one.'),
  REQUEST_MALFORMED: final('INVALID_ARGUMENT', 'The bytes are not a message of this method. Regenerate the client.'),
  REVISION_STALE: final('ABORTED', 'It was changed in between. Read it again and repeat the change on what stands.'),
  SCOPE_MISSING: final('PERMISSION_DENIED', 'The token lacks the scope this method needs. Use a token that has it.'),
  SERVER_STOPPING: transient('UNAVAILABLE', 'This server is stopping. Repeat the call; another one takes it.'),
  SERVICE_UNAVAILABLE: transient('UNAVAILABLE', 'A service cannot be reached. Repeat the call after a short wait.'),
  STREAM_EXPIRED: transient('UNAVAILABLE', 'The stream has lived its time. Open it again; it goes on where it was.'),
  STREAM_IDLE: transient('UNAVAILABLE', 'The stream stood still for too long. Open it again and keep it moving.'),
  UNAUTHENTICATED: final('UNAUTHENTICATED', 'No valid token came with the call. Send a fresh one as a Bearer token.'),
  UNIMPLEMENTED: final('UNIMPLEMENTED', 'This server does not have the method. Use one it lists.'),
  UNRECOGNISED_REASON: final('UNKNOWN', 'The other side gave a reason this version does not know. Read its message.'),
} as const;
