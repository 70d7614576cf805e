import { GRPC_CODE, HeraldError, isReason, REASONS } from '@herald/errors';
import type { ErrorDetail, Reason } from '@herald/errors';
import { Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import {
  BadRequest,
  ErrorInfo,
  PreconditionFailure,
  QuotaFailure,
  ResourceInfo,
  RetryInfo,
} from '@herald/contracts/rpc';
import { Status } from '@herald/contracts/status';

/** The metadata entry in which an error's google.rpc.Status travels. */
export const STATUS_DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_DOMAIN = 'herald';
const TYPE_PREFIX = 'type.googleapis.com/google.rpc.';
/**
 * Java and Python refuse more than 8 KiB of metadata. The details stay below 4 KiB, 5.4 in base 64; the message stands
 * beside them percent-encoded, at worst three bytes for each of its own.
 */
const MESSAGE_BYTES_MAX = 400;
/** One text within the details, and all entries of the metadata and of the lists together. */
const TEXT_BYTES_MAX = 160;
const METADATA_BYTES_MAX = 800;
const LISTS_BYTES_MAX = 1_900;
/** What an entry of a list or a map costs beside its texts. */
const ENTRY_BYTES = 12;

/** An error as gRPC sends it: code, message and trailing metadata. */
export interface WireStatus {
  code: number;
  details: string;
  metadata: Metadata;
}

/**
 * Writes an error for the wire: the ErrorInfo always, and the other details as the error has them. Texts are cut, and
 * entries that do not fit are left out; of violations it is said how many.
 */
export function encodeStatus(error: HeraldError): WireStatus {
  const { code } = error;
  const message = short(error.message, MESSAGE_BYTES_MAX);
  const status = Status.fromPartial({ code, message, details: detailsOf(error) });
  const metadata = new Metadata();
  metadata.set(STATUS_DETAILS_KEY, Buffer.from(Status.encode(status).finish()));
  return { code, details: message, metadata };
}

interface Detail {
  typeUrl: string;
  value: Buffer;
}

function detailsOf(error: HeraldError): Detail[] {
  const { violations, preconditions, quota, retryAfterMs, resource } = error.detail;
  const room = { bytes: LISTS_BYTES_MAX };
  const fieldViolations = fittingOf(violations ?? [], room);
  const some: Detail[] = [errorInfo(error, (violations?.length ?? 0) - fieldViolations.length)];
  if (violations !== undefined)
    some.push(packed('BadRequest', BadRequest, BadRequest.fromPartial({ fieldViolations })));
  if (preconditions !== undefined) {
    const failure = PreconditionFailure.fromPartial({ violations: fittingOf(preconditions, room) });
    some.push(packed('PreconditionFailure', PreconditionFailure, failure));
  }
  if (quota !== undefined) {
    some.push(packed('QuotaFailure', QuotaFailure, QuotaFailure.fromPartial({ violations: fittingOf(quota, room) })));
  }
  if (retryAfterMs !== undefined) {
    const whole = Math.max(0, Math.ceil(retryAfterMs));
    const retryDelay = { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
    some.push(packed('RetryInfo', RetryInfo, RetryInfo.fromPartial({ retryDelay })));
  }
  if (resource !== undefined) {
    const found = { resourceType: short(resource.type), resourceName: short(resource.name) };
    some.push(packed('ResourceInfo', ResourceInfo, ResourceInfo.fromPartial(found)));
  }
  return some;
}

/** A reason that came from another version goes on under its own name. */
function errorInfo({ reason, detail }: HeraldError, omitted: number): Detail {
  const entries = Object.entries(detail.metadata ?? {}).map(([key, value]) => ({ key, value }));
  const fitting = fittingOf(entries, { bytes: METADATA_BYTES_MAX });
  if (omitted > 0) fitting.push({ key: 'violationsOmitted', value: String(omitted) });
  const metadata = Object.fromEntries(fitting.map(({ key, value }) => [key, value]));
  const wireReason = short(reason === 'UNRECOGNISED_REASON' ? (detail.remote?.reason ?? reason) : reason);
  return packed('ErrorInfo', ErrorInfo, ErrorInfo.fromPartial({ reason: wireReason, domain: ERROR_DOMAIN, metadata }));
}

/** The first entries that fit, their texts cut: an error with very many is corrected in more than one go. */
function fittingOf<Entry extends object>(entries: readonly Entry[], room: { bytes: number }): Entry[] {
  const fitting: Entry[] = [];
  for (const entry of entries) {
    const texts = Object.entries(entry).map(([name, text]) => [name, short(text as string)] as const);
    room.bytes -= texts.reduce((sum, [, text]) => sum + Buffer.byteLength(text), ENTRY_BYTES);
    if (room.bytes < 0) break;
    fitting.push(Object.fromEntries(texts) as Entry);
  }
  return fitting;
}

function packed<T>(type: string, codec: { encode(message: T): { finish(): Uint8Array } }, message: T): Detail {
  return { typeUrl: TYPE_PREFIX + type, value: Buffer.from(codec.encode(message).finish()) };
}

const ELLIPSIS = '…';

/** The text in so many bytes of UTF-8. Half a surrogate pair cannot be written: grpc-js would throw when it sends it. */
function short(text: string, bytesMax = TEXT_BYTES_MAX): string {
  const bytes = Buffer.from(text.replace(/\p{Surrogate}/gu, '\uFFFD'));
  if (bytes.byteLength <= bytesMax) return bytes.toString();
  // A decoder that waits for more leaves out the character that the cut goes through.
  const kept = bytes.subarray(0, bytesMax - Buffer.byteLength(ELLIPSIS));
  return new TextDecoder().decode(kept, { stream: true }) + ELLIPSIS;
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
  const parts = status === undefined ? {} : partsOf(status.details);
  const text = parts.reason ?? reasonOfCode(error.code);
  const { reason: _reason, ...detail } = parts;
  const remote = { method, reason: text, code: error.code };
  // A known name with another code is from a version that decided otherwise: its code is what the caller must see.
  const reason = isReason(text) && REASONS[text].code === Number(error.code) ? text : 'UNRECOGNISED_REASON';
  const message = status?.message ?? (reason === 'UNRECOGNISED_REASON' ? error.details : REASONS[reason].text);
  return new HeraldError(reason, message, { ...detail, remote, cause: error });
}

function statusIn(metadata: Metadata | undefined): ReturnType<typeof Status.decode> | undefined {
  const [bytes] = metadata?.get(STATUS_DETAILS_KEY) ?? [];
  return Buffer.isBuffer(bytes) ? readable(() => Status.decode(bytes)) : undefined;
}

type Parts = ErrorDetail & { reason?: string };

/** How each detail is read. Those of a type that is not listed are left out, as the standard asks. */
const READERS: Record<string, (value: Uint8Array) => Parts> = {
  ErrorInfo: (value) => {
    const { reason, domain, metadata } = ErrorInfo.decode(value);
    // A reason is one within its domain: a proxy's may have the name of one of ours.
    return domain === ERROR_DOMAIN && reason !== '' ? { reason, metadata } : {};
  },
  BadRequest: (value) => ({
    violations: BadRequest.decode(value).fieldViolations.map(({ field, description, reason }) => ({
      field,
      description,
      ...(reason !== '' && { reason }),
    })),
  }),
  PreconditionFailure: (value) => ({
    preconditions: PreconditionFailure.decode(value).violations,
  }),
  QuotaFailure: (value) => ({
    quota: QuotaFailure.decode(value).violations.map(({ subject, description }) => ({
      subject,
      description,
    })),
  }),
  RetryInfo: (value) => {
    const { retryDelay } = RetryInfo.decode(value);
    return { retryAfterMs: (retryDelay?.seconds ?? 0) * 1000 + Math.ceil((retryDelay?.nanos ?? 0) / 1_000_000) };
  },
  ResourceInfo: (value) => {
    const { resourceType, resourceName } = ResourceInfo.decode(value);
    return { resource: { type: resourceType, name: resourceName } };
  },
};

function partsOf(details: { typeUrl: string; value: Uint8Array }[]): Parts {
  const parts: Parts = {};
  for (const { typeUrl, value } of details) {
    const type = typeUrl.slice(TYPE_PREFIX.length);
    const reader = Object.hasOwn(READERS, type) ? READERS[type] : undefined;
    if (reader !== undefined && typeUrl.startsWith(TYPE_PREFIX))
      Object.assign(
        parts,
        readable(() => reader(value)),
      );
  }
  return parts;
}

/** What can be read, or nothing: bytes that cannot be read tell nothing, and the rest of the status still does. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
