import { MessageState } from '@herald/contracts/dispatch';
import { judge, type Evidence } from './judge';

describe('judge', () => {
  const verdictOf = (state: MessageState | undefined, receipts: number) => {
    const evidence: Evidence = {
      accepted: [{ id: 'a', acceptedAtMs: 1_000 }],
      states: new Map(state === undefined ? [] : [['a', state]]),
      receipts: Array.from({ length: receipts }, (_, at) => ({ messageId: 'a', receivedAtMs: 1_500 + at })),
    };
    return judge(evidence);
  };
  const clean = { accepted: 1, lost: 0, duplicated: 0, unknown: 0, unresolved: 0, unheard: 0, pauseMsMax: 500 };

  it('finds nothing wrong with a message that was delivered and taken once', () => {
    expect(verdictOf(MessageState.DELIVERED, 1)).toEqual(clean);
  });

  it.each<[string, MessageState | undefined, number, Partial<typeof clean>]>([
    ['that the ledger does not know', undefined, 1, { lost: 1 }],
    ['that still waits', MessageState.QUEUED, 0, { lost: 1 }],
    ['that is said to be delivered, and never came', MessageState.DELIVERED, 0, { lost: 1 }],
    ['that is said to be sent, and never came', MessageState.SENT, 0, { lost: 1 }],
    ['that failed though the provider takes everything', MessageState.FAILED, 0, { lost: 1 }],
    ['that was taken twice', MessageState.DELIVERED, 2, { duplicated: 1, pauseMsMax: 501 }],
    ['whose fate nobody knows', MessageState.UNKNOWN, 0, { unknown: 1 }],
    ['whose fate the provider told in vain', MessageState.UNKNOWN, 1, { unresolved: 1 }],
    ['of which no report came', MessageState.SENT, 1, { unheard: 1 }],
  ])('counts a message %s', (_, state, receipts, faults) => {
    const pauseMsMax = receipts === 0 ? 0 : 500;
    expect(verdictOf(state, receipts)).toEqual({ ...clean, pauseMsMax, ...faults });
  });
});
