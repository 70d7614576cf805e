import { Metadata } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo } from '@herald/contracts/rpc';
import { Status } from '@herald/contracts/status';
import { GRPC_CODE, HeraldError, REASONS, type ErrorDetail, type Reason } from '@herald/errors';
import fc from 'fast-check';
import { decodeStatus, encodeStatus, STATUS_DETAILS_KEY } from './rich-status';

/** What Java and Python refuse to read of one answer's metadata is more than this. */
const OTHER_STACKS_BYTES_MAX = 8 * 1024;
/** Text of every width in UTF-8, with halves of characters in between, short and long. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 600 }),
  fc.constantFrom('', '\ud800', 'ß'.repeat(900), '✓'.repeat(900), '😀'.repeat(900)),
);
const entries = <T extends object>(entry: { [key in keyof T]: fc.Arbitrary<T[key]> }) =>
  fc.array(fc.record(entry), { maxLength: 120 });
const details: fc.Arbitrary<ErrorDetail> = fc.record({
  metadata: fc.dictionary(text, text, { maxKeys: 60 }),
  violations: entries({ field: text, description: text, reason: text }),
  preconditions: entries({ type: text, subject: text, description: text }),
  quota: entries({ subject: text, description: text }),
  retryAfterMs: fc.integer({ min: -1, max: 2 ** 31 }),
  resource: fc.record({ type: text, name: text }),
});

function received({ code, details, metadata }: ReturnType<typeof encodeStatus>): HeraldError {
  return decodeStatus(Object.assign(new Error(details), { code, details, metadata }), 'a/b');
}

/** An error as it comes from another server, with the details given. */
function answeredWith(code: number, ...answered: { type: string; value: Uint8Array }[]): ServiceError {
  const metadata = new Metadata();
  const status = Status.fromPartial({
    ...{ code, message: 'In its words.' },
    details: answered.map(({ type, value }) => ({
      typeUrl: `type.googleapis.com/google.rpc.${type}`,
      value: Buffer.from(value),
    })),
  });
  metadata.set(STATUS_DETAILS_KEY, Buffer.from(Status.encode(status).finish()));
  return Object.assign(new Error('x'), { code, details: 'In short.', metadata });
}

describe('encodeStatus', () => {
  it('keeps the details below 4 KiB and all it sends below what other stacks read, whatever an error holds', () => {
    fc.assert(
      fc.property(text, details, (message, detail) => {
        const sent = encodeStatus(new HeraldError('INVALID_FIELD', message, detail));
        const [bytes] = sent.metadata.get(STATUS_DETAILS_KEY) as [Buffer];
        expect(bytes.byteLength).toBeLessThan(4096);
        const headers = sent.metadata.toHttp2Headers();
        const metadataBytes = Object.entries(headers).join('').length + encodeURI(sent.details).length;
        expect(metadataBytes).toBeLessThan(OTHER_STACKS_BYTES_MAX - 512);
      }),
    );
  });

  it('gives back what is in it as far as it fits, the reason always', () => {
    fc.assert(
      fc.property(text, details, (message, detail) => {
        const error = received(encodeStatus(new HeraldError('INVALID_FIELD', message, detail)));
        expect(error.reason).toBe('INVALID_FIELD');
        for (const list of ['violations', 'preconditions', 'quota'] as const) {
          expect(error.detail[list]?.length).toBeLessThanOrEqual(detail[list]?.length ?? 0);
        }
      }),
    );
  });
});

describe('decodeStatus', () => {
  const info = (domain: string, reason: Reason) => ({
    type: 'ErrorInfo',
    value: ErrorInfo.encode(ErrorInfo.fromPartial({ domain, reason })).finish(),
  });

  it('takes a reason for one of ours only where the domain is ours', () => {
    const { code } = REASONS.TEMPLATE_ARCHIVED;
    expect(decodeStatus(answeredWith(code, info('herald', 'TEMPLATE_ARCHIVED')), 'a/b').reason).toBe(
      'TEMPLATE_ARCHIVED',
    );
    const other = decodeStatus(answeredWith(code, info('googleapis.com', 'TEMPLATE_ARCHIVED')), 'a/b');
    expect([other.reason, other.code]).toEqual(['UNRECOGNISED_REASON', code]);
    // A code that stands for a reason by itself does so whatever a stranger's detail says.
    const unavailable = decodeStatus(answeredWith(GRPC_CODE.UNAVAILABLE, info('a.proxy', 'BUS_UNAVAILABLE')), 'a/b');
    expect(unavailable.reason).toBe('SERVICE_UNAVAILABLE');
  });

  it('passes over a detail that cannot be read, and reads the others', () => {
    const violation = { field: 'name', description: 'It is missing.' };
    const request = BadRequest.encode(BadRequest.fromPartial({ fieldViolations: [violation] })).finish();
    const broken = { type: 'ErrorInfo', value: Buffer.from([0xff, 0xff, 0xff]) };
    const error = decodeStatus(
      answeredWith(GRPC_CODE.INVALID_ARGUMENT, broken, { type: 'BadRequest', value: request }),
      'a/b',
    );
    expect([error.code, error.detail.violations]).toEqual([GRPC_CODE.INVALID_ARGUMENT, [violation]]);
  });
});
