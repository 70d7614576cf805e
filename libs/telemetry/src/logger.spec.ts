import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { ConversationServiceService } from '@herald/contracts/conversation';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { TemplateServiceService } from '@herald/contracts/template';
import { HeraldError, REASONS } from '@herald/errors';
import { configureLogs, LOG_FIELDS, logger } from './logger';

const PHONE = '+447700900123';
const TEXT = 'Hello Zenobia, your parcel 4711 is at the door.';
const TOKEN = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEiLCJvcmciOiJhY21lIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4';
const SECRET = 'c0ffee00c0ffee00c0ffee00c0ffee00';
/** What must not come out, as people and providers write it. */
const PRIVATE = [
  PHONE,
  '447700900123',
  '0044 7700 900123',
  `whatsapp:${PHONE}`,
  'sms-447700900123',
  TEXT,
  TOKEN,
  SECRET,
  `Bearer ${TOKEN}`,
];
/** Any part of it by which it would be known. */
const CANARIES = /7700 ?900123|parcel|at the door|Zenobia|4711|eyJ|c2lnbm|c0ffee/i;

/** A value of each field as Herald writes it. The record has every row of the table, or it does not compile. */
const SAMPLES: Record<keyof typeof LOG_FIELDS, unknown> = {
  count: 100,
  durationMs: 12.5,
  error: new TypeError('x'),
  errorId: '6f1c6f1e-0d0c-4b7a-9d0a-1f2e3d4c5b6a',
  failing: 'database bus',
  group: 'dispatch.configurations.one-process-1234567',
  method: 'herald.dispatch.v1.DispatchService/SendOutboundMessages',
  month: 202_611,
  next: 'dead-lettered',
  partition: 0,
  port: 50_053,
  reason: 'HOURLY_REQUESTS_EXHAUSTED',
  service: 'webhook-gateway',
  table: 'message_body',
  topic: 'herald.configuration.v1',
  tries: 3,
};
const FIELDS = Object.keys(LOG_FIELDS);
const BARE = ['level', 'time', 'part', 'msg'];

describe('logger', () => {
  let output = '';
  const destination = { write: (line: string) => void (output += line) };
  const lines = () =>
    output
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const log = logger('spec');
  /** The one line that these fields make; a field may hold anything, as where a type was cast away. */
  const lineOf = (fields: Record<string, unknown>): Record<string, unknown> => {
    output = '';
    log.error('Failed.', fields);
    const [line = {}, ...others] = lines();
    expect(others).toEqual([]);
    return line;
  };

  beforeEach(() => {
    output = '';
    configureLogs({ level: 'info', destination });
  });
  afterAll(() => configureLogs({ level: 'info' }));

  it('writes a line of JSON: the part, the fields and the constant message', () => {
    log.info('Listening.', { service: 'dispatch', port: 50_053 });
    expect(lines()).toEqual([
      { level: 'info', time: expect.any(String), part: 'spec', service: 'dispatch', port: 50_053, msg: 'Listening.' },
    ]);
  });

  it('writes nothing below its level', () => {
    log.debug('Not wanted.');
    configureLogs({ level: 'silent', destination });
    log.error('Not wanted either.');
    expect(output).toBe('');
    configureLogs({ level: 'debug', destination });
    log.debug('Wanted.');
    expect(lines()).toMatchObject([{ level: 'debug', msg: 'Wanted.' }]);
  });

  it('P22 S11: takes constant messages; one with a value in it does not compile', () => {
    const phone: string = PHONE;
    const refused = [
      // @ts-expect-error -- a value in the message
      () => log.info(`Sent to ${phone}.`),
      // @ts-expect-error -- a message from elsewhere
      () => log.info(phone),
    ];
    log.info(refused.length > 0 ? 'One.' : 'Another.');
    expect(lines()).toMatchObject([{ msg: 'One.' }]);
  });

  it('P22 S11: writes every field of the table, and no other', () => {
    const shown = lineOf({
      ...SAMPLES,
      phone: 'x',
      text: 'x',
      token: 'x',
      org: 'x',
      messageId: 'x',
      err: 'x',
      msg: 'x',
    });
    expect(Object.keys(shown).toSorted()).toEqual([...BARE, ...FIELDS].toSorted());
    expect(shown).toMatchObject({ ...SAMPLES, error: { kind: 'TypeError' }, msg: 'Failed.' });
  });

  it('has a form for the names that Herald has: reasons, RPCs', () => {
    for (const reason of Object.keys(REASONS)) expect(lineOf({ reason })).toMatchObject({ reason });
    const services = [
      ...[TemplateServiceService, ConfigurationServiceService, DispatchServiceService, ConversationServiceService],
    ];
    const methods = services.flatMap((service) => Object.values(service).map(({ path }) => path.slice(1)));
    expect(methods.length).toBeGreaterThan(50);
    for (const method of methods) expect(lineOf({ method })).toMatchObject({ method });
  });

  it.each(FIELDS)(
    'P22 S11: lets no address, text, token or secret out by a field, nor by what is nested: %s',
    (name) => {
      const shapes = PRIVATE.flatMap((value): unknown[] => [
        ...[value, [value], { value }, { toJSON: () => value }, { toString: () => value }, Object(value)],
        ...[new Map([[value, value]]), new Set([value]), Buffer.from(value), () => value, Symbol(value)],
        ...[
          { deep: { deeper: [{ [value]: value }] } },
          new Error(value),
          Promise.resolve(value),
          new URL(`tel:${value}`),
        ],
      ]);
      for (const shape of [...shapes, 447_700_900_123, 447_700_900_123n, true, Infinity]) {
        const { error, ...shown } = lineOf({ [name]: shape });
        expect(Object.keys(shown)).toEqual(BARE);
        expect(error === undefined).toBe(name !== 'error');
        expect(output).not.toMatch(CANARIES);
      }
    },
  );

  it('P22 S11: drops what is in no table, under whatever name and however deep', () => {
    for (const value of PRIVATE) {
      const fields = { phone: value, to: { phone: value }, [value]: 1, toJSON: () => ({ text: value }) };
      expect(Object.keys(lineOf({ ...fields, __proto__: { service: value }, constructor: value }))).toEqual(BARE);
      expect(output).not.toMatch(CANARIES);
    }
  });

  it.each<[string, (value: string) => unknown]>([
    ['message', (value) => new Error(value)],
    ['message of a HeraldError', (value) => new HeraldError('INTERNAL', value, { metadata: { [value]: value } })],
    [
      'message that looks like frames',
      (value) => new Error(`x\n    at call (/${value}.ts:1:2)\n    at /${value}.ts:1:2`),
    ],
    [
      'message that looks like frames and was changed later',
      (value) => Object.assign(new Error(`x\n    at ${value} (/spec.ts:1:2)`), { message: 'changed' }),
    ],
    [
      'message that looks like frames and was emptied later',
      (value) => Object.assign(new Error(`\n    at call (/${value}.ts:1:2)`), { message: '' }),
    ],
    ['message that is an object', (value) => Object.assign(new Error('x'), { message: { value } })],
    ['name', (value) => Object.assign(new Error('x'), { name: value })],
    [
      'name that is an object',
      (value) => Object.assign(new Error('x'), { name: { value, toString: () => 'FakeError' } }),
    ],
    ['name that cannot be read', (value) => Object.assign(new Error(value), { name: Object.create(null) })],
    ['code', (value) => Object.assign(new Error('x'), { code: value })],
    ['code in capitals', (value) => Object.assign(new Error('x'), { code: `A${value.toUpperCase()}` })],
    [
      'reason',
      (value) => Object.defineProperties(new HeraldError('INTERNAL', 'x'), { reason: { value }, code: { value: 13 } }),
    ],
    ['detail of a Postgres error', (value) => Object.assign(new Error('x'), { detail: `Key (address)=(${value}).` })],
    ['cause', (value) => new Error('x', { cause: new Error(value, { cause: value }) })],
    ['aggregate', (value) => new AggregateError([new Error(value)], value)],
    ['stack', (value) => Object.assign(new Error('x'), { stack: `${value}\n    at ${value} (/${value}.ts:1:2)` })],
    [
      'stack behind the message',
      (value) => Object.assign(new Error('x'), { stack: `Error: x\n    at ${value}\n${value}` }),
    ],
    [
      'call in a stack',
      (value) => Object.assign(new Error('x'), { stack: `Error: x\n    at ${value} (/spec.ts:1:2)` }),
    ],
    ['stack that is an object', (value) => Object.assign(new Error('x'), { stack: { value } })],
    [
      'property that throws',
      (value) => Object.defineProperty(new Error('x'), 'code', { get: () => assertNever(value) }),
    ],
    ['thrown text', (value) => value],
    ['thrown object', (value) => ({ message: value, name: value, stack: `    at call (/${value}.ts:1:2)` })],
    ['thrown function', (value) => Object.assign(() => value, { message: value })],
  ])('P22 S11: lets no address, text, token or secret out by an error: %s', (_case, make) => {
    for (const value of PRIVATE) {
      expect(Object.keys(lineOf({ error: make(value) }))).toEqual([...BARE.slice(0, 3), 'error', 'msg']);
      expect(output).not.toMatch(CANARIES);
    }
  });

  it.each(['\n', '\r\n', '\v', '\u0085', '\u2028', '\u2029', '\u001b[2K', '\0'])(
    'S12: makes one line of one record, and no line is forged, by %j',
    (breaking) => {
      const forged = `x${breaking}{"level":"error","msg":"forged"}`;
      const place = `Error: x\n    at call (/a${breaking}b.ts:1:2)`;
      const errors = [
        ...[new Error(forged), Object.assign(new Error('x'), { name: forged, code: forged, stack: place })],
        ...[Object.assign(new Error('x'), { stack: `Error: x\n    at call (/${forged}:1:2)` }), forged],
      ];
      for (const [name, sample] of Object.entries(SAMPLES)) {
        const values = [...[forged, `${String(sample)}${breaking}`, `${breaking}${String(sample)}`], ...errors];
        for (const value of values) {
          lineOf({ [name]: value, [forged]: 1 });
          expect(output.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029]|forged/u);
        }
      }
    },
  );

  it('S12: tells the time in UTC', () => {
    log.info('Now.');
    expect(lines()[0]?.['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  it('tells the kind, reason, code and place of an error and of its cause', () => {
    const cause = Object.assign(new TypeError('duplicate key'), { code: '23505' });
    const here = expect.arrayContaining([expect.stringContaining('logger.spec')]);
    expect(lineOf({ error: new HeraldError('INTERNAL', 'x', { cause }) }).error).toMatchObject({
      kind: 'HeraldError',
      reason: 'INTERNAL',
      at: here,
      cause: { kind: 'TypeError', code: '23505', at: here },
    });
  });

  it('tells the place of errors without a message, of many lines, and of Node itself', () => {
    const made: unknown[] = [new Error(), new Error('one\ntwo'), new RangeError('x')];
    for (const error of made) {
      expect(lineOf({ error }).error).toHaveProperty(['at', 0], expect.stringContaining('logger.spec'));
    }
    const node = caught(() => new URL('nowhere'));
    expect(lineOf({ error: node }).error).toMatchObject({ code: 'ERR_INVALID_URL', at: expect.any(Array) });
  });

  it('shows the codes of Node and of Postgres', () => {
    for (const code of ['ECONNREFUSED', 'ERR_HTTP2_STREAM_CANCEL', '40001', '42P01']) {
      expect(lineOf({ error: Object.assign(new Error('x'), { code }) }).error).toMatchObject({ code });
    }
  });

  it('follows a circle of causes only so far', () => {
    const error = new Error('x');
    error.cause = error;
    log.error('Failed.', { error });
    expect(output.match(/"kind"/g)).toHaveLength(5);
  });
});

function assertNever(value: string): never {
  throw new Error(value);
}

function caught(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}
