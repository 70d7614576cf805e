import { HeraldError, invalidFields } from '@herald/errors';
import { AdviceError } from '../advice-error';
import { fail } from './failure';

describe('fail', () => {
  const written: string[] = [];
  let exitCode: typeof process.exitCode;

  beforeEach(() => {
    exitCode = process.exitCode;
    process.exitCode = undefined;
    written.length = 0;
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  });
  afterEach(() => {
    jest.restoreAllMocks();
    process.exitCode = exitCode;
  });

  /** What is said, and that the command counts as failed. */
  const said = (error: unknown, json?: boolean) => {
    fail(error, json);
    expect(process.exitCode).toBe(1);
    return written.join('');
  };

  it('says the reason, the message, and every field that is wrong', () => {
    const error = invalidFields([
      { field: 'contacts[0].locale', description: 'at most 35 characters', reason: 'FIELD_TOO_LONG' },
      { field: 'valid_for', description: 'between 1 s and 7 days' },
    ]);
    expect(said(error)).toBe(
      [
        'INVALID_FIELD: Missing or wrong: contacts[0].locale, valid_for. Correct what is listed and repeat.',
        '  contacts[0].locale: at most 35 characters (FIELD_TOO_LONG)',
        '  valid_for: between 1 s and 7 days',
        '',
      ].join('\n'),
    );
  });

  it('says what state is in the way', () => {
    const preconditions = [{ type: 'CHANNEL_DISABLED', subject: 'channel 7', description: 'It is disabled.' }];
    expect(said(new HeraldError('CHANNEL_DISABLED', 'The channel is disabled.', { preconditions }))).toBe(
      'CHANNEL_DISABLED: The channel is disabled.\n  channel 7: It is disabled.\n',
    );
  });

  it('says when to come again, in whole seconds', () => {
    const error = new HeraldError('HOURLY_REQUESTS_EXHAUSTED', 'All are used.', { retryAfterMs: 1_200 });
    expect(said(error)).toBe('HOURLY_REQUESTS_EXHAUSTED: All are used.\n  Repeat it in 2 s.\n');
  });

  it('gives advice as it is, without a stack', () => {
    expect(said(new AdviceError('Line 3: optin is empty. Fill it.'))).toBe('Line 3: optin is empty. Fill it.\n');
  });

  it.each([
    'listen EADDRINUSE: address already in use 127.0.0.1:50051',
    'No address added out of total 1 resolved errors: [listen EADDRINUSE: address already in use 127.0.0.1:50051]',
  ])('turns a port that is taken into advice: %s', (message) => {
    expect(said(new Error(message))).toBe(
      '127.0.0.1:50051 is taken by another program. Choose another --port-base, or 0 for free ports.\n',
    );
  });

  it('shows where a fault of ours came from', () => {
    expect(said(new Error('no such thing'))).toMatch(/^Error: no such thing\n +at /);
    written.length = 0;
    expect(said('a text')).toBe('a text\n');
  });

  it('has one line for programs, with everything that can be acted on', () => {
    const violations = [{ field: 'request_id', description: 'a UUID', reason: 'FIELD_MALFORMED' }];
    const error = new HeraldError('INVALID_FIELD', 'Correct it.', { violations, metadata: { fields: 'request_id' } });
    expect(said(error, true)).toBe(
      `${JSON.stringify({
        error: {
          ...{ reason: 'INVALID_FIELD', message: 'Correct it.', retryable: false },
          ...{ metadata: { fields: 'request_id' }, violations },
        },
      })}\n`,
    );
  });

  it.each([
    ['advice', new AdviceError('Start one.'), 'Start one.'],
    ['a fault of ours', new Error('no such thing'), 'no such thing'],
    ['what is no error', 'a text', 'a text'],
  ])('has no reason for programs where there is none: %s', (_, error, message) => {
    expect(JSON.parse(said(error, true))).toEqual({ error: { message } });
  });
});
