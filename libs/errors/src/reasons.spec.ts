import { CALL_REASONS } from './call-reasons';
import { CONFIGURATION_REASONS } from './configuration-reasons';
import { CONTACT_REASONS } from './contact-reasons';
import { DISPATCH_REASONS } from './dispatch-reasons';
import { FIELD_REASONS } from './field-reasons';
import { GRPC_CODE } from './grpc-code';
import { MESSAGE_REASONS } from './message-reasons';
import { isReason, REASONS } from './reasons';
import { TEMPLATE_REASONS } from './template-reasons';
import { WARNINGS } from './warnings';

const SUBJECTS = [CALL_REASONS, TEMPLATE_REASONS, CONFIGURATION_REASONS, DISPATCH_REASONS];
const TABLES = { REASONS, CONTACT_REASONS, FIELD_REASONS, MESSAGE_REASONS, WARNINGS };
const rows = Object.entries(REASONS);
const named = (ending: string) => rows.filter(([name]) => name.endsWith(ending)).map(([, { code }]) => code);

describe('REASONS', () => {
  it('holds the rows of every subject, none of which hides another of its name', () => {
    expect(Object.keys(REASONS).sort()).toEqual(SUBJECTS.flatMap((subject) => Object.keys(subject)).sort());
  });

  it('says of everything that is away for a moment, and of nothing else, that the same call may be repeated', () => {
    const away = rows.filter(([, { code }]) => code === GRPC_CODE.UNAVAILABLE).map(([name]) => name);
    const retryable = rows.filter(([, row]) => row.retryable).map(([name]) => name);
    // The work may be done by then, and a repeat with the same request_id gets its answer.
    expect(retryable.sort()).toEqual([...away, 'DEADLINE_EXCEEDED'].sort());
  });

  it('gives reasons of one kind one code', () => {
    expect([...new Set(named('_NOT_FOUND'))]).toEqual([GRPC_CODE.NOT_FOUND]);
    expect([...new Set(named('_TAKEN'))]).toEqual([GRPC_CODE.ALREADY_EXISTS]);
    expect([...new Set([...named('_DISABLED'), ...named('_ARCHIVED')])]).toEqual([GRPC_CODE.FAILED_PRECONDITION]);
    expect(rows.filter(([, { code }]) => code === GRPC_CODE.OK)).toEqual([]);
  });
});

describe('isReason', () => {
  it('knows the rows, and not what every object has', () => {
    expect(['INTERNAL', 'NO_CONTACTS', 'TEMPLATE_NOT_FOUND'].every(isReason)).toBe(true);
    expect(['', 'internal', 'ADDRESS_INVALID', 'constructor', '__proto__', 'toString'].some(isReason)).toBe(false);
  });
});

describe.each(Object.entries<Record<string, { text: string }>>(TABLES))('every row of %s', (_table, table) => {
  it('has a name that ErrorInfo may carry', () => {
    // AIP-193: at most 63 characters of this form.
    expect(Object.keys(table).filter((name) => !/^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/.test(name))).toEqual([]);
  });

  it('says what it means, and then what to do', () => {
    const texts = Object.values(table).map(({ text }) => text);
    expect(texts.filter((text) => !/^[A-Z].+[^.]\. [A-Z].+\.$/.test(text))).toEqual([]);
    expect(new Set(texts).size).toBe(texts.length);
  });
});
