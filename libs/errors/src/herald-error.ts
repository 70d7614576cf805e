import { GRPC_CODE } from './grpc-code';
import { REASONS } from './reasons';
import type { Reason } from './reasons';

/** What is wrong with one field of a request. `reason` is a row of FIELD_REASONS, or what another version said. */
export interface FieldViolation {
  field: string;
  description: string;
  reason?: string;
}

/** What a caller needs to act on an error. None of it may hold an address, a name or message text: it is logged and shown. */
export interface ErrorDetail {
  metadata?: Record<string, string>;
  violations?: FieldViolation[];
  preconditions?: { type: string; subject: string; description: string }[];
  quota?: { subject: string; description: string }[];
  retryAfterMs?: number;
  resource?: { type: string; name: string };
  /** What lies beneath, for the log alone; it never crosses the wire. */
  cause?: unknown;
  /** Set on an error that another service answered: the method called, and the reason and code as they came. */
  remote?: { method: string; reason: string; code: number };
}

/**
 * The one error callers may act on. Its reason decides the gRPC code and crosses the wire with its message and
 * detail; every other error leaves a service as INTERNAL without a word of its text.
 */
export class HeraldError extends Error {
  override readonly name = 'HeraldError';
  readonly reason: Reason;
  readonly detail: ErrorDetail;

  constructor(reason: Reason, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.reason = reason;
    this.detail = detail;
  }

  /** The numeric gRPC code; for a reason unknown here, the one the other side answered with. */
  get code(): number {
    return this.reason === 'UNRECOGNISED_REASON' && this.detail.remote !== undefined
      ? this.detail.remote.code
      : REASONS[this.reason].code;
  }

  /** Whether the same call, unchanged and with the same request_id, may succeed later. A reason unknown here goes by its code. */
  get retryable(): boolean {
    return this.reason === 'UNRECOGNISED_REASON' ? this.code === GRPC_CODE.UNAVAILABLE : REASONS[this.reason].retryable;
  }
}

/** The error of a request whose fields are wrong: it lists all of them at once, so that a caller corrects them in one go. */
export function invalidFields(violations: FieldViolation[]): HeraldError {
  const fields = violations.map(({ field }) => field).join(', ');
  return new HeraldError('INVALID_FIELD', `Missing or wrong: ${fields}. Correct what is listed and repeat.`, {
    metadata: { fields },
    violations,
  });
}

/** The error of something that is not there, or belongs to another organisation: both look the same to a caller. */
export function notFound(reason: Reason, type: string, id: string): HeraldError {
  return new HeraldError(reason, REASONS[reason].text, {
    metadata: { [`${type}Id`]: id },
    resource: { type, name: id },
  });
}
