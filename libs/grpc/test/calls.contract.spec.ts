import type { OutgoingHttpHeaders } from 'node:http2';
import { compressionAlgorithms, Metadata } from '@grpc/grpc-js';
import type { StatusObject } from '@grpc/grpc-js';
import { ConversationServiceService } from '@herald/contracts/conversation';
import { ErrorInfo } from '@herald/contracts/rpc';
import { Status } from '@herald/contracts/status';
import { TemplateServiceClient, TemplateServiceService } from '@herald/contracts/template';
import { GRPC_CODE, HeraldError, invalidFields, REASONS, type Reason } from '@herald/errors';
import { freePort } from '@herald/ports';
import { grpcClient } from '../src';
import { METADATA_BYTES_MAX, RECEIVE_BYTES_MAX } from '../src/limits';
import { encodeStatus } from '../src/rich-status';
import { framed } from './http2-call';
import { foreignServer, GET_TEMPLATE, hanging, refusalOf, REQUEST, runningServer } from './running-server';
import type { TemplateHandler, TestServer } from './running-server';

const METHOD = 'herald.template.v1.TemplateService/GetTemplate';
const SECRET = 'call +14255550123 with token 9f3c7a';
/** No message of any method. */
const NO_MESSAGE = Buffer.from([0xff, 0xff, 0xff]);

const failing =
  (error: Error): TemplateHandler =>
  () =>
    Promise.reject(error);

/** The request of GetTemplate, of exactly so many bytes. */
function requestOf(bytes: number): Buffer {
  const header = 1 + 3;
  const template = TemplateServiceService.getTemplate.requestSerialize({ templateId: 'x'.repeat(bytes - header) });
  expect(template.byteLength).toBe(bytes);
  return template;
}

/** All of a status that crossed the wire, as text. */
function wordsOf({ details, metadata }: StatusObject): string {
  const values = Object.keys(metadata.getMap()).flatMap((key) => [key, ...metadata.get(key).map(String)]);
  return [details, ...values].join('\n');
}

describe('calls', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await runningServer();
  });
  beforeEach(() => {
    test.failures.splice(0);
    test.answer(async () => ({ template: undefined }));
  });
  afterAll(() => test.stop());

  describe('errors', () => {
    it('carries every detail in grpc-status-details-bin, and gives it back as the same error', async () => {
      const detail = {
        metadata: { templateId: 'one', schlüssel: 'wört ✓' },
        violations: [
          { field: 'template.name', description: 'It is missing.', reason: 'MISSING' },
          { field: 'contacts[3]', description: 'It is wrong.' },
        ],
        preconditions: [{ type: 'STATE', subject: 'template/one', description: 'It is archived.' }],
        quota: [{ subject: 'org/acme', description: '50 requests an hour' }],
        retryAfterMs: 61_001,
        resource: { type: 'template', name: 'one' },
      };
      test.answer(failing(new HeraldError('TEMPLATE_ARCHIVED', 'No.', { ...detail, cause: new Error(SECRET) })));
      const error = await refusalOf(test.client.getTemplate(REQUEST));
      const { cause, remote, ...rest } = error.detail;
      expect(rest).toEqual(detail);
      expect(remote).toEqual({ method: METHOD, reason: 'TEMPLATE_ARCHIVED', code: GRPC_CODE.FAILED_PRECONDITION });
      expect([error.reason, error.message, error.code]).toEqual(['TEMPLATE_ARCHIVED', 'No.', remote?.code]);
      expect(String(cause)).not.toContain(SECRET);
      expect(test.failures).toEqual([]);

      const { status } = await test.raw(GET_TEMPLATE);
      const [bytes] = status.metadata.get('grpc-status-details-bin');
      const sent = Status.decode(bytes as Buffer);
      expect(sent).toMatchObject({ code: GRPC_CODE.FAILED_PRECONDITION, message: 'No.' });
      expect(sent.details.map(({ typeUrl }) => typeUrl)).toEqual(
        ['ErrorInfo', 'BadRequest', 'PreconditionFailure', 'QuotaFailure', 'RetryInfo', 'ResourceInfo'].map(
          (type) => `type.googleapis.com/google.rpc.${type}`,
        ),
      );
      expect(wordsOf(status)).not.toContain(SECRET);
    });

    it('carries each reason with the code of its table', async () => {
      const reasons = Object.keys(REASONS) as Reason[];
      // These two are never answered as such: one gets an id, the other stands for a name from elsewhere.
      const plain = reasons.filter((reason) => reason !== 'INTERNAL' && reason !== 'UNRECOGNISED_REASON');
      for (const reason of plain) {
        test.answer(failing(new HeraldError(reason, REASONS[reason].text)));
        const { status, error } = await test.raw(GET_TEMPLATE);
        expect([status.code, error?.reason]).toEqual([REASONS[reason].code, reason]);
        expect(error?.message).toBe(REASONS[reason].text);
      }
    });

    it('keeps the details of many violations below what other stacks refuse, and counts what it left out', async () => {
      const violations = Array.from({ length: 100 }, (_, at) => ({
        field: `contacts[${at}].to_contact_id`,
        description: 'd'.repeat(500),
      }));
      test.answer(failing(invalidFields(violations)));
      const { status, error } = await test.raw(GET_TEMPLATE);
      const [bytes] = status.metadata.get('grpc-status-details-bin');
      expect((bytes as Buffer).byteLength).toBeLessThan(4096);
      const shown = error?.detail.violations?.length ?? 0;
      expect(shown).toBeGreaterThan(5);
      expect(error?.detail.metadata?.['violationsOmitted']).toBe(String(100 - shown));
    });

    it('answers a text that cannot be written in UTF-8 all the same', async () => {
      test.answer(failing(new HeraldError('INVALID_FIELD', 'half \ud800', { metadata: { at: '\udfff' } })));
      const error = await refusalOf(test.client.getTemplate(REQUEST));
      expect([error.reason, error.message]).toEqual(['INVALID_FIELD', 'half \ufffd']);
      expect(error.detail.metadata).toEqual({ at: '\ufffd' });
    });

    const leaks = new Metadata();
    leaks.set('x-leak', SECRET);
    const remote = { method: 'herald.dispatch.v1.DispatchService/GetQuota', reason: 'UNAUTHENTICATED' };
    const UNEXPECTED: Record<string, TemplateHandler> = {
      'an error': failing(new Error(SECRET, { cause: new Error(SECRET) })),
      'an error before the first await': () => {
        throw new TypeError(SECRET);
      },
      'an error in the form that gRPC sends': failing(
        Object.assign(new Error(SECRET), { code: GRPC_CODE.NOT_FOUND, details: SECRET, metadata: leaks }),
      ),
      'a text': async () => {
        AbortSignal.abort(SECRET).throwIfAborted();
        return { template: undefined };
      },
      'INTERNAL of its own': failing(new HeraldError('INTERNAL', SECRET, { metadata: { number: SECRET } })),
      'the refusal of our own token by another service': failing(
        new HeraldError('UNAUTHENTICATED', SECRET, { remote: { ...remote, code: GRPC_CODE.UNAUTHENTICATED } }),
      ),
      'an answer that cannot be written': async () => ({
        get template(): never {
          throw new Error(SECRET);
        },
      }),
    };

    it.each(Object.entries(UNEXPECTED))(
      'S25: %s leaves as INTERNAL with an id, and no word of it',
      async (_, handler) => {
        test.answer(handler);
        const { status, error } = await test.raw(GET_TEMPLATE);
        expect([status.code, error?.reason]).toEqual([GRPC_CODE.INTERNAL, 'INTERNAL']);
        const errorId = error?.detail.metadata?.['errorId'] ?? '';
        expect(errorId).toMatch(/^[0-9a-f-]{36}$/);
        expect(status.details).toBe(`Herald failed. Quote the error id ${errorId} to whoever runs it.`);
        expect(Object.keys(error?.detail ?? {}).sort()).toEqual(['cause', 'metadata', 'remote']);
        expect(Object.keys(error?.detail.metadata ?? {})).toEqual(['errorId']);
        expect(wordsOf(status)).not.toMatch(/4255550123|9f3c7a|x-leak|\.ts:/);
        expect(test.failures).toEqual([{ errorId, method: METHOD, error: expect.anything() }]);
        expect(String(test.failures[0]?.error)).toContain(SECRET);
      },
    );

    it('S25: an error that cannot be written leaves as INTERNAL too, and its call is answered', async () => {
      test.answer(failing(new HeraldError('HOURLY_REQUESTS_EXHAUSTED', SECRET, { retryAfterMs: Infinity })));
      const { status, error } = await test.raw(GET_TEMPLATE);
      expect([error?.reason, wordsOf(status)]).toEqual(['INTERNAL', expect.not.stringContaining(SECRET)]);
      expect(test.failures).toEqual([{ ...error?.detail.metadata, method: METHOD, error: expect.any(RangeError) }]);
    });

    it('S25: an unexpected error at the door leaves as INTERNAL too', async () => {
      const failures: unknown[] = [];
      const verify = () => Promise.reject(new Error(SECRET));
      const other = await runningServer({ identity: { verify }, onError: (failure) => failures.push(failure) });
      const { status, error } = await other.raw(GET_TEMPLATE);
      await other.stop();
      expect([error?.reason, failures.length]).toEqual(['INTERNAL', 1]);
      expect(wordsOf(status)).not.toContain(SECRET);
    });

    it('passes on what another service says of the request, and keeps to itself what it says of us', async () => {
      const refusing = (refusal: HeraldError) =>
        test.answer(async ({ templateId }) => {
          if (templateId === 'inner') throw refusal;
          return test.client.getTemplate({ templateId: 'inner' });
        });
      refusing(
        new HeraldError('TEMPLATE_NOT_FOUND', 'There is none.', { resource: { type: 'template', name: 'one' } }),
      );
      const passed = await refusalOf(test.client.getTemplate(REQUEST));
      expect([passed.reason, passed.message]).toEqual(['TEMPLATE_NOT_FOUND', 'There is none.']);
      expect(passed.detail.resource).toEqual({ type: 'template', name: 'one' });
      expect(test.failures).toEqual([]);
      refusing(new HeraldError('SCOPE_MISSING', 'The service may not.'));
      expect((await refusalOf(test.client.getTemplate(REQUEST))).reason).toBe('INTERNAL');
      expect(test.failures).toHaveLength(1);
    });
  });

  describe('what the other side may say', () => {
    const reading = async (status: Partial<StatusObject>) => {
      const foreign = await foreignServer(status);
      const client = grpcClient(TemplateServiceClient, { url: foreign.url, token: async () => 'none' });
      const error = await refusalOf(client.getTemplate(REQUEST));
      client.close();
      foreign.stop();
      return error;
    };
    const withReason = (reason: string, code: number) => {
      const value = Buffer.from(
        ErrorInfo.encode(ErrorInfo.fromPartial({ reason, domain: 'herald', metadata: { a: 'b' } })).finish(),
      );
      const unheardOf = { typeUrl: 'type.googleapis.com/google.rpc.Unheard', value: NO_MESSAGE };
      const details = [unheardOf, { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value }];
      const metadata = new Metadata();
      const status = Status.fromPartial({ code, message: 'In its words.', details });
      metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(status).finish()));
      return { code, details: 'In short.', metadata };
    };

    it.each([
      ['a reason that this version does not know', 'NEWER_THAN_THIS', GRPC_CODE.FAILED_PRECONDITION],
      ['a known reason under another code', 'TEMPLATE_NOT_FOUND', GRPC_CODE.FAILED_PRECONDITION],
      ['a name that every object has', 'constructor', GRPC_CODE.ABORTED],
    ])('reads %s as UNRECOGNISED_REASON, with its code and words', async (_, reason, code) => {
      const error = await reading(withReason(reason, code));
      expect([error.reason, error.code, error.message]).toEqual(['UNRECOGNISED_REASON', code, 'In its words.']);
      expect(error.detail.remote).toEqual({ method: METHOD, reason, code });
      expect(error.detail.metadata).toEqual({ a: 'b' });
      expect(error.retryable).toBe(false);
      const passedOn = encodeStatus(error);
      expect(passedOn.code).toBe(code);
      expect(wordsOf(passedOn)).toContain(reason);
    });

    it('reads a status without details by its code, and details that cannot be read as none', async () => {
      expect((await reading({ code: GRPC_CODE.UNKNOWN, details: 'Words.' })).message).toBe('Words.');
      const metadata = new Metadata();
      metadata.set('grpc-status-details-bin', NO_MESSAGE);
      const error = await reading({ code: GRPC_CODE.UNIMPLEMENTED, details: SECRET, metadata });
      expect([error.reason, error.message]).toEqual(['UNIMPLEMENTED', REASONS.UNIMPLEMENTED.text]);
    });
  });

  describe('requests that no handler sees', () => {
    let calls = 0;
    const sent = async (frames: Buffer, headers?: OutgoingHttpHeaders) => {
      const call = test.open(GET_TEMPLATE, headers);
      call.stream.end(frames);
      const answer = await call.answered;
      await call.close();
      return answer;
    };
    beforeEach(() => {
      calls = 0;
      test.answer(async () => ({ template: void (calls += 1) }));
    });

    it('REQUEST_MALFORMED: bytes that are no message of the method', async () => {
      const { status, error } = await test.raw(GET_TEMPLATE, { bytes: NO_MESSAGE });
      expect([status.code, error?.reason, calls]).toEqual([GRPC_CODE.INVALID_ARGUMENT, 'REQUEST_MALFORMED', 0]);
    });

    it.each([
      ['REQUEST_MALFORMED', 'bytes that do not unpack', { 'grpc-encoding': 'gzip' }],
      ['REQUEST_MALFORMED', 'a deadline that is no number', { 'grpc-timeout': 'soon' }],
      ['UNIMPLEMENTED', 'a way to pack that there is none of', { 'grpc-encoding': 'pk' }],
    ])('%s: %s, in place of the words of gRPC', async (reason, _, headers) => {
      const answer = await sent(framed(NO_MESSAGE, true), headers);
      expect([answer.reason, calls]).toEqual([reason, 0]);
      expect(answer.details).toMatch(
        /^The (request cannot be read: .* Check the client|method takes .* Send it so)\.$/,
      );
    });

    it.each([
      ['no message at all', Buffer.alloc(0)],
      ['half a message', Buffer.from([0, 0, 0, 0, 2, 1])],
      ['two messages', Buffer.alloc(10)],
    ])('UNIMPLEMENTED: %s where the method takes one, and says so', async (_, frames) => {
      const answer = await sent(frames);
      expect([answer.reason, calls]).toEqual(['UNIMPLEMENTED', 0]);
      expect(answer.details).toContain('takes one message');
    });

    it.each([undefined, 'application/json', 'text/html'])('415: content of the type %s', async (type) => {
      expect((await sent(framed(Buffer.alloc(0)), { 'content-type': type })).httpStatus).toBe(415);
    });

    it('S18: MESSAGE_TOO_LARGE: takes a request of 1 MiB, and not of a byte more', async () => {
      expect((await test.raw(GET_TEMPLATE, { bytes: requestOf(RECEIVE_BYTES_MAX) })).error).toBeUndefined();
      const { status, error } = await test.raw(GET_TEMPLATE, { bytes: requestOf(RECEIVE_BYTES_MAX + 1) });
      expect([RECEIVE_BYTES_MAX, calls]).toEqual([1_048_576, 1]);
      expect([status.code, error?.reason]).toEqual([GRPC_CODE.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE']);
      expect(status.details).toBe(REASONS.MESSAGE_TOO_LARGE.text);
    });

    it('S18: MESSAGE_TOO_LARGE: a few bytes that unpack to many', async () => {
      const options = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip };
      expect((await test.raw(GET_TEMPLATE, { bytes: requestOf(RECEIVE_BYTES_MAX), options })).error).toBeUndefined();
      const { error, status } = await test.raw(GET_TEMPLATE, { bytes: Buffer.alloc(64 * RECEIVE_BYTES_MAX), options });
      expect([error?.reason, calls]).toEqual(['MESSAGE_TOO_LARGE', 1]);
      expect(status.details).toBe(REASONS.MESSAGE_TOO_LARGE.text);
    });

    it('S18: MESSAGE_TOO_LARGE: metadata of more than 16 KiB', async () => {
      const { status, error } = await test.raw(GET_TEMPLATE, { headers: { filler: 'a'.repeat(METADATA_BYTES_MAX) } });
      expect([status.code, error?.reason, calls]).toEqual([GRPC_CODE.RESOURCE_EXHAUSTED, 'MESSAGE_TOO_LARGE', 0]);
      expect(error?.detail.metadata).toEqual({ bytesMax: '16384' });
      expect((await test.raw(GET_TEMPLATE, { headers: { filler: 'a'.repeat(12_000) } })).error).toBeUndefined();
    });

    it('S18: so much metadata that HTTP/2 itself ends the call, and the server goes on', async () => {
      const many = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`entry-${at}`, 'a']));
      expect((await test.raw(GET_TEMPLATE, { headers: many })).error).toBeDefined();
      expect((await test.raw(GET_TEMPLATE, { headers: { filler: 'a'.repeat(1_000_000) } })).error).toBeDefined();
      expect(calls).toBe(0);
      expect((await test.raw(GET_TEMPLATE)).error).toBeUndefined();
    });

    it('UNIMPLEMENTED: what is not built, of every kind of call, and what there is none of', async () => {
      const refused = await refusalOf(test.conversation.listQueues({ pageSize: 0, pageToken: '' }));
      expect([refused.reason, refused.code]).toEqual(['UNIMPLEMENTED', GRPC_CODE.UNIMPLEMENTED]);
      expect(refused.detail.metadata).toEqual({ method: 'herald.conversation.v1.ConversationService/ListQueues' });
      for (const { path } of [
        ConversationServiceService.agentSession,
        ConversationServiceService.monitorConversation,
      ]) {
        expect((await test.raw(path)).error?.reason).toBe('UNIMPLEMENTED');
      }
      for (const path of ['/herald.template.v1.TemplateService/GetNothing', '/herald.nothing.v1.Nothing/Get']) {
        const { error } = await test.raw(path);
        expect([error?.reason, error?.message]).toEqual(['UNIMPLEMENTED', REASONS.UNIMPLEMENTED.text]);
      }
    });
  });

  describe('servers that do not answer', () => {
    it('SERVICE_UNAVAILABLE: nobody listens there', async () => {
      const client = grpcClient(TemplateServiceClient, {
        url: `127.0.0.1:${await freePort()}`,
        token: async () => 'x',
      });
      const error = await refusalOf(client.getTemplate(REQUEST));
      client.close();
      expect([error.reason, error.code, error.retryable]).toEqual(['SERVICE_UNAVAILABLE', GRPC_CODE.UNAVAILABLE, true]);
      expect(error.message).toBe(REASONS.SERVICE_UNAVAILABLE.text);
    });

    it('SERVER_STOPPING: a call that outlasts the grace is told so, and its handler hears of it', async () => {
      const stopping = await runningServer();
      const { handler, started } = hanging();
      stopping.answer(handler);
      const ended = stopping.raw(GET_TEMPLATE);
      const { signal } = await started;
      await stopping.stop();
      const { status, error } = await ended;
      expect([status.code, error?.reason]).toEqual([GRPC_CODE.UNAVAILABLE, 'SERVER_STOPPING']);
      expect(signal.reason).toMatchObject({ reason: 'SERVER_STOPPING' });
    });
  });
});
