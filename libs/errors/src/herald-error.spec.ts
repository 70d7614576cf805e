import { inspect } from 'node:util';
import { GRPC_CODE } from './grpc-code';
import { HeraldError, invalidFields, notFound } from './herald-error';
import { REASONS } from './reasons';

describe('HeraldError', () => {
  it('has the code of its reason, and says whether the same call may be repeated', () => {
    const busy = new HeraldError('DATABASE_BUSY', 'Every connection is taken.');
    expect([busy.code, busy.retryable]).toEqual([GRPC_CODE.UNAVAILABLE, true]);
    const reused = new HeraldError('REQUEST_ID_REUSED', 'It belongs to another call.');
    expect([reused.code, reused.retryable]).toEqual([GRPC_CODE.ALREADY_EXISTS, false]);
  });

  it.each([
    ['UNAVAILABLE', true],
    ['FAILED_PRECONDITION', false],
  ] as const)('goes by the code, such as %s, of a reason that only the other side knows', (code, mayRepeat) => {
    const remote = { method: '/herald.x/Y', reason: 'OF_TOMORROW', code: GRPC_CODE[code] };
    const error = new HeraldError('UNRECOGNISED_REASON', 'of tomorrow', { remote });
    expect([error.code, error.retryable]).toEqual([GRPC_CODE[code], mayRepeat]);
  });

  it('promises nothing of what nobody gave a code', () => {
    const error = new HeraldError('UNRECOGNISED_REASON', 'of tomorrow');
    expect([error.code, error.retryable]).toEqual([GRPC_CODE.UNKNOWN, false]);
  });

  it('takes no code from the other side for a reason that is known here', () => {
    const remote = { method: '/herald.x/Y', reason: 'TEMPLATE_NOT_FOUND', code: GRPC_CODE.OK };
    expect(new HeraldError('TEMPLATE_NOT_FOUND', 'gone', { remote }).code).toBe(GRPC_CODE.NOT_FOUND);
  });

  it('is an error with a name, a stack and what lies beneath', () => {
    const cause = new Error('ECONNREFUSED');
    const error = new HeraldError('DATABASE_UNAVAILABLE', 'It does not answer.', { cause });
    expect(error).toBeInstanceOf(Error);
    expect(error.cause).toBe(cause);
    expect(inspect(error)).toMatch(/HeraldError: It does not answer\.\n.*herald-error\.spec/);
    expect('cause' in new HeraldError('INTERNAL', 'Failed.')).toBe(false);
  });
});

describe('invalidFields', () => {
  it('names all that is wrong at once, in the message and in the metadata', () => {
    const violations = [
      { field: 'name', description: 'is missing', reason: 'FIELD_REQUIRED' },
      { field: 'contacts[3].locale', description: 'is no language' },
    ];
    const error = invalidFields(violations);
    expect(error).toMatchObject({ reason: 'INVALID_FIELD', code: GRPC_CODE.INVALID_ARGUMENT });
    expect(error.message).toContain('name, contacts[3].locale');
    expect(error.detail).toEqual({ violations, metadata: { fields: 'name, contacts[3].locale' } });
  });
});

describe('notFound', () => {
  it('says the same of what is not there and of what is another organisation’s', () => {
    const error = notFound('TEMPLATE_NOT_FOUND', 'template', '7');
    expect(error.message).toBe(REASONS.TEMPLATE_NOT_FOUND.text);
    expect(error.detail).toEqual({ metadata: { templateId: '7' }, resource: { type: 'template', name: '7' } });
  });
});
