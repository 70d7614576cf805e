import { rankOfStatus } from './ranks';

/** Twilio's statuses of an outbound message, in the order in which evidence overrules evidence. */
const IN_ORDER = [
  'accepted',
  'scheduled',
  'queued',
  'sending',
  'sent',
  'canceled',
  'failed',
  'undelivered',
  'partially_delivered',
  'delivered',
  'read',
];

describe('rankOfStatus', () => {
  it('ranks every status of an outbound message, each above those it overrules', () => {
    const ranks = IN_ORDER.map((status) => rankOfStatus(status) ?? NaN);
    expect(ranks).toEqual([10, 15, 20, 30, 40, 50, 60, 61, 70, 80, 90]);
  });

  it('leaves the ranks below ten to what Herald infers itself', () => {
    expect(Math.min(...IN_ORDER.map((status) => rankOfStatus(status) ?? 0))).toBe(10);
  });

  it('reads a status in any case', () => {
    expect(rankOfStatus('Delivered')).toBe(80);
  });

  it.each(['received', 'receiving', '', 'a status of tomorrow', 'constructor', 'toString', '__proto__'])(
    'gives %j no rank',
    (status) => {
      expect(rankOfStatus(status)).toBeUndefined();
    },
  );
});
