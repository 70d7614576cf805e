import fc from 'fast-check';
import { rankOfStatus } from '../ranks';
import { INBOUND_MESSAGE, STATUS_CALLBACKS, SUBJECT } from '../test/status-callbacks';
import { parseStatus } from './parse-status';

const parse = (body: string) => parseStatus(Buffer.from(body));

describe('parseStatus', () => {
  it.each<[keyof typeof STATUS_CALLBACKS, string, string]>([
    ['queued', 'queued', ''],
    ['sent', 'sent', ''],
    ['delivered', 'delivered', ''],
    ['undelivered', 'undelivered', '30007'],
    ['failed', 'failed', '30001'],
    ['ofService', 'sending', ''],
    ['readOnWhatsApp', 'read', ''],
    ['ofTomorrow', 'pondered', ''],
  ])('reads the callback %s', (name, status, errorCode) => {
    expect(parse(STATUS_CALLBACKS[name])).toEqual({ ...SUBJECT, status, errorCode });
  });

  it('goes by the older names where the newer ones are not given', () => {
    const older = STATUS_CALLBACKS.sent.replace(/(^|&)Message(Sid|Status)=[^&]*/g, '');
    expect(parse(older)).toEqual({ ...SUBJECT, status: 'sent', errorCode: '' });
  });

  it('gives an inbound message no status that would count', () => {
    const report = parse(INBOUND_MESSAGE);
    expect(rankOfStatus(report?.status ?? '')).toBeUndefined();
  });

  it.each(['AccountSid', 'id', 'status'])('reads nothing where there is no %s', (what) => {
    const names = { AccountSid: 'AccountSid', id: '(?:Message|Sms)Sid', status: '(?:Message|Sms)Status' };
    const missing = new RegExp(`(^|&)${names[what as keyof typeof names]}=[^&]*`, 'g');
    expect(parse(STATUS_CALLBACKS.sent.replace(missing, ''))).toBeUndefined();
  });

  it.each(['', '{"MessageSid":"SM1"}', '%', '\u0000', 'MessageSid'])('reads nothing in %j', (body) => {
    expect(parse(body)).toBeUndefined();
  });

  it('reads the same whatever parameters stand around', () => {
    const known = new Set(['MessageSid', 'SmsSid', 'MessageStatus', 'SmsStatus', 'AccountSid', 'ErrorCode']);
    const names = fc.string({ unit: 'grapheme' }).filter((name) => !known.has(name));
    const parameters = fc.array(fc.tuple(names, fc.string({ unit: 'grapheme' })));
    fc.assert(
      fc.property(parameters, parameters, (before, after) => {
        const around = (text: [string, string][]) => new URLSearchParams(text).toString();
        const report = parse(`${around(before)}&${STATUS_CALLBACKS.failed}&${around(after)}`);
        expect(report).toEqual({ ...SUBJECT, status: 'failed', errorCode: '30001' });
      }),
    );
  });

  it('answers any bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void parseStatus(Buffer.from(bytes))));
  });
});
