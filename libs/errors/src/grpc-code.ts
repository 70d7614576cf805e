/** The status codes of gRPC by name. They stand here as numbers so that this library needs no gRPC. */
export const GRPC_CODE = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** One row of a table of reasons: what the call answers, whether the same call may be repeated as it is, what to do. */
export interface ReasonRow {
  code: number;
  retryable: boolean;
  text: string;
}

/** A row whose call must be changed, or the state around it, before it can succeed. */
export function final(code: keyof typeof GRPC_CODE, text: string): ReasonRow {
  return { code: GRPC_CODE[code], retryable: false, text };
}

/** A row whose call may succeed when it is repeated unchanged (with the same request_id) after a while. */
export function transient(code: keyof typeof GRPC_CODE, text: string): ReasonRow {
  return { code: GRPC_CODE[code], retryable: true, text };
}
