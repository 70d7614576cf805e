import { GRPC_CODE, HeraldError, isReason, REASONS } from '@herald/errors';
import type { ErrorDetail, Reason } from '@herald/errors';
import { Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import {
  Any,
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
  ResourceInfo,
  RetryInfo,
  Status,
} from './google-rpc';

/** The metadata entry in which an error's google.rpc.Status travels. */
export const STATUS_DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_DOMAIN = 'herald';
const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';
/** Other stacks refuse more than 8 KiB of headers, so the details keep well below; what does not fit is counted. */
const VIOLATIONS_MAX = 20;
const DESCRIPTION_LENGTH_MAX = 160;

/** An error as gRPC sends it: code, message and trailing metadata. */
export interface WireStatus {
  code: number;
  details: string;
  metadata: Metadata;
}

/** Writes an error for the wire: the ErrorInfo always, and the other details as the error has them. */
export function encodeStatus(error: HeraldError): WireStatus {
  const message = error.message.toWellFormed();
  const details = [
    any('ErrorInfo', ErrorInfo.encode({ reason: wireReason(error), domain: ERROR_DOMAIN, metadata: metadataOf(error) })),
    ...detailsOf(error.detail),
  ];
  const metadata = new Metadata();
  const status = Status.encode({ code: error.code, message, details });
  metadata.set(STATUS_DETAILS_KEY, Buffer.from(status));
  return { code: error.code, details: message, metadata };
}

function wireReason({ reason, detail }: HeraldError): string {
  return reason === 'UNRECOGNISED_REASON' ? (detail.remote?.reason ?? reason) : reason;
}

function metadataOf({ detail }: HeraldError): Record<string, string> {
  const omitted = (detail.violations?.length ?? 0) - VIOLATIONS_MAX;
  const entries = Object.entries(detail.metadata ?? {});
  if (omitted > 0) entries.push(['violationsOmitted', String(omitted)]);
  return Object.fromEntries(entries.map(([key, value]) => [key, short(value)]));
}

function detailsOf(detail: ErrorDetail): { typeUrl: string; value: Uint8Array }[] {
  const { violations, preconditions, quota, retryAfterMs, resource } = detail;
  const some = [];
  if (violations !== undefined) {
    const fieldViolations = violations
      .slice(0, VIOLATIONS_MAX)
      .map((violation) => ({ ...violation, description: short(violation.description) }));
    some.push(any('BadRequest', BadRequest.encode({ fieldViolations })));
  }
  if (preconditions !== undefined) {
    const listed = preconditions.slice(0, VIOLATIONS_MAX);
    some.push(any('PreconditionFailure', PreconditionFailure.encode({ violations: listed })));
  }
  if (quota !== undefined) some.push(any('QuotaFailure', QuotaFailure.encode({ violations: quota })));
  if (retryAfterMs !== undefined) {
    const whole = Math.max(0, Math.ceil(retryAfterMs));
    const retryDelay = [{ seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 }];
    some.push(any('RetryInfo', RetryInfo.encode({ retryDelay })));
  }
  if (resource !== undefined) {
    const { type, name } = resource;
    some.push(any('ResourceInfo', ResourceInfo.encode({ resourceType: type, resourceName: name })));
  }
  return some;
}

function any(type: string, value: Uint8Array): { typeUrl: string; value: Uint8Array } {
  return { typeUrl: TYPE_PREFIX + type, value };
}

function short(text: string): string {
  const cut = text.length > DESCRIPTION_LENGTH_MAX ? `${text.slice(0, DESCRIPTION_LENGTH_MAX - 1)}…` : text;
  return cut.toWellFormed();
}

/** What gRPC itself answers carries no reason; these codes then stand for one. */
const REASON_OF_CODE = new Map<number, Reason>([
  [GRPC_CODE.CANCELLED, 'CANCELLED'],
  [GRPC_CODE.DEADLINE_EXCEEDED, 'DEADLINE_EXCEEDED'],
  [GRPC_CODE.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE'],
  [GRPC_CODE.UNIMPLEMENTED, 'UNIMPLEMENTED'],
  [GRPC_CODE.INTERNAL, 'INTERNAL'],
  [GRPC_CODE.UNAVAILABLE, 'SERVICE_UNAVAILABLE'],
  [GRPC_CODE.UNAUTHENTICATED, 'UNAUTHENTICATED'],
]);

/** The reason that stands for a code which came without one. */
export function reasonOfCode(code: number): Reason {
  return REASON_OF_CODE.get(code) ?? 'UNRECOGNISED_REASON';
}

/** Reads what a call ended with. A reason this version does not know keeps its text and code in `detail.remote`. */
export function decodeStatus(error: ServiceError, method: string): HeraldError {
  const status = statusIn(error.metadata);
  const parts = status === undefined ? {} : partsOf(status.details ?? []);
  const text = parts.reason ?? reasonOfCode(error.code);
  const { reason: _reason, ...detail } = parts;
  const remote = { method, reason: text, code: error.code };
  // A known name with another code is from a version that decided otherwise: its code is what the caller must see.
  const reason = isReason(text) && REASONS[text].code === error.code ? text : 'UNRECOGNISED_REASON';
  const message = status?.message ?? (reason === 'UNRECOGNISED_REASON' ? error.details : REASONS[reason].text);
  return new HeraldError(reason, message, { ...detail, remote, cause: error });
}

function statusIn(metadata: Metadata | undefined): ReturnType<typeof Status.decode> | undefined {
  const [bytes] = metadata?.get(STATUS_DETAILS_KEY) ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    return Status.decode(bytes);
  } catch {
    // Details that cannot be read tell nothing; the code and the message of the call still do.
    return undefined;
  }
}

type Parts = ErrorDetail & { reason?: string };

/** How each detail is read. Those of a type that is not listed are left out, as the standard asks. */
const READERS: Record<string, (value: Uint8Array) => Parts> = {
  ErrorInfo: (value) => {
    const { reason, metadata } = ErrorInfo.decode(value);
    return { ...(reason !== undefined && { reason }), ...(metadata !== undefined && { metadata }) };
  },
  BadRequest: (value) => ({
    violations: (BadRequest.decode(value).fieldViolations ?? []).map(({ field = '', description = '', reason }) => ({
      field,
      description,
      ...(reason !== undefined && reason !== '' && { reason }),
    })),
  }),
  PreconditionFailure: (value) => ({
    preconditions: (PreconditionFailure.decode(value).violations ?? []).map(
      ({ type = '', subject = '', description = '' }) => ({ type, subject, description }),
    ),
  }),
  QuotaFailure: (value) => ({
    quota: (QuotaFailure.decode(value).violations ?? []).map(({ subject = '', description = '' }) => ({
      subject,
      description,
    })),
  }),
  RetryInfo: (value) => {
    const [delay] = RetryInfo.decode(value).retryDelay ?? [];
    return { retryAfterMs: (delay?.seconds ?? 0) * 1000 + Math.ceil((delay?.nanos ?? 0) / 1_000_000) };
  },
  ResourceInfo: (value) => {
    const { resourceType = '', resourceName = '' } = ResourceInfo.decode(value);
    return { resource: { type: resourceType, name: resourceName } };
  },
};

function partsOf(details: { typeUrl?: string; value?: Uint8Array }[]): Parts {
  const parts: Parts = {};
  for (const { typeUrl = '', value = new Uint8Array() } of details) {
    const type = typeUrl.slice(TYPE_PREFIX.length);
    const reader = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
    if (reader !== undefined && typeUrl.startsWith(TYPE_PREFIX)) Object.assign(parts, reader(value));
  }
  return parts;
}
