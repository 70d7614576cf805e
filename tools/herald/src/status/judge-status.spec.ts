import { GetDispatchStatusResponse } from '@herald/contracts/dispatch';
import { judgeStatus, type Facts } from './judge-status';

const seconds = (count: number) => ({ seconds: count, nanos: 0 });
const facts = (changes: Partial<Facts> = {}): Facts => ({
  doors: [{ name: 'dispatch', address: '127.0.0.1:50053', isServing: true }],
  dispatch: GetDispatchStatusResponse.fromPartial({}),
  deadLetters: 0,
  ...changes,
});
const sending = (changes: Partial<GetDispatchStatusResponse>) =>
  facts({ dispatch: GetDispatchStatusResponse.fromPartial(changes) });
/** The items for which there is something to do. */
const wrong = (given: Facts) => judgeStatus(given).flatMap(({ item, next }) => (next === undefined ? [] : [item]));

describe('judgeStatus', () => {
  it('finds nothing wrong where all serve and nothing is late', () => {
    expect(wrong(facts())).toEqual([]);
  });

  it('takes a backlog at the pace of its sender, and holds, for no fault', () => {
    const busy = { queued: 3_000_000, held: 400, holds: 2, sending: 100, oldestReadyAge: seconds(9_000), unknown: 3 };
    expect(wrong(sending({ ...busy, longestIdle: seconds(9), oldestUnknownAge: seconds(599) }))).toEqual([]);
  });

  it.each<[string, Facts]>([
    ['dispatch', facts({ doors: [{ name: 'dispatch', address: '127.0.0.1:50053', isServing: false }] })],
    ['sending', facts({ dispatch: { failure: 'The call was refused.' } })],
    ['idle sender', sending({ longestIdle: seconds(10) })],
    ['unknown', sending({ unknown: 1, oldestUnknownAge: seconds(600) })],
    [
      'breakers',
      sending({ openBreakers: [{ channelAccountId: 'a', channelId: '', reason: 'THROTTLED', openTime: undefined }] }),
    ],
    ['oldest event', sending({ oldestEventAge: seconds(5) })],
    ['dead letters', facts({ deadLetters: 1 })],
  ])('says what to do about %s', (item, given) => {
    expect(wrong(given)).toEqual([item]);
    expect(judgeStatus(given).find((one) => one.item === item)?.next).toMatch(/\.$/);
  });

  it('blames no system for dead letters that nobody may look for', () => {
    const unseen = facts({ deadLetters: { failure: 'set HERALD_KAFKA_BROKERS' } });
    expect(wrong(unseen)).toEqual([]);
    expect(judgeStatus(unseen).at(-1)?.value).toBe('not looked for: set HERALD_KAFKA_BROKERS');
  });
});
