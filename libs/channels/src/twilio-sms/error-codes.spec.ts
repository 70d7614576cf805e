import { MESSAGE_REASONS } from '@herald/errors';
import { isAboutTheMessage, mayPass, messageReasonOf } from './error-codes';

const NUMBERS = Array.from({ length: 100_000 }, (_, number) => String(number));
const known = NUMBERS.filter((number) => messageReasonOf(number) !== undefined);

describe('messageReasonOf', () => {
  it.each([
    ['21211', 'ADDRESS_INVALID_AT_PROVIDER'],
    ['21401', 'SENDER_MISCONFIGURED'],
    ['21408', 'REGION_NOT_ENABLED'],
    ['21606', 'SENDER_MISCONFIGURED'],
    ['21607', 'SENDER_MISCONFIGURED'],
    ['21608', 'ACCOUNT_ON_TRIAL'],
    ['21609', 'CALLBACK_URL_REFUSED'],
    ['21610', 'OPTED_OUT_AT_PROVIDER'],
    ['21612', 'REGION_NOT_ENABLED'],
    ['21614', 'ADDRESS_LANDLINE'],
    ['30001', 'QUEUE_OVERFLOW'],
    ['30002', 'ACCOUNT_SUSPENDED'],
    ['30003', 'ADDRESS_UNREACHABLE'],
    ['30004', 'BLOCKED_AT_CARRIER'],
    ['30005', 'ADDRESS_INVALID_AT_PROVIDER'],
    ['30006', 'ADDRESS_LANDLINE'],
    ['30007', 'CARRIER_FILTERED'],
    ['30008', 'DELIVERY_FAILED'],
    ['30034', 'SENDER_NOT_REGISTERED'],
    ['30036', 'EXPIRED_AT_PROVIDER'],
    ['30450', 'PUMPING_BLOCKED'],
    ['30610', 'QUIET_HOURS_AT_PROVIDER'],
    ['30640', 'LITIGATOR_BLOCKED'],
  ])('knows %s as %s', (number, reason) => {
    expect(messageReasonOf(number)).toBe(reason);
  });

  it('gives each number a reason that ends a message, for what has a number was not taken or did not arrive', () => {
    const states = known.map((number) => MESSAGE_REASONS[messageReasonOf(number) ?? 'OWNER_DIED'].state);
    expect(known.length).toBeGreaterThan(25);
    expect([...new Set(states)].sort()).toEqual(['failed', 'undelivered']);
  });

  it.each(['', '29999', '021211', 'constructor', '__proto__'])('does not know %j, which is no fault', (code) => {
    expect(messageReasonOf(code)).toBeUndefined();
  });
});

describe('mayPass', () => {
  it('holds of a full queue, a handset that is off and a failure without a cause, and of nothing else', () => {
    expect(NUMBERS.filter(mayPass)).toEqual(['30001', '30003', '30008']);
  });
});

describe('isAboutTheMessage', () => {
  it('tells numbers about a message from those about the call', () => {
    expect(known.filter((number) => !isAboutTheMessage(number))).toEqual([]);
    expect(['20003', '20005', '20404', '20429', '20500'].filter(isAboutTheMessage)).toEqual([]);
  });
});
