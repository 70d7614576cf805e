import { MessageState } from '@herald/contracts/dispatch';
import {
  faultsOf,
  faultsOfOrder,
  faultsOfWhole,
  judge,
  type AcceptedMessage,
  type Evidence,
  type Verdict,
} from './judge';

const { DELIVERED, SENT, UNKNOWN, FAILED, QUEUED } = MessageState;

interface Case {
  state?: MessageState;
  reason?: string;
  /** The attempt of each receipt. */
  receipts?: number[];
  guarantee?: AcceptedMessage['guarantee'];
  isOpenAtKill?: boolean;
  isSeenUnknown?: boolean;
  mayGoUnanswered?: boolean;
  mayLoseReports?: boolean;
}

function verdictOf(told: Case): Verdict {
  const { state, reason = '', receipts = [], guarantee = 'AT_MOST_ONCE' } = told;
  const { isOpenAtKill, isSeenUnknown, mayGoUnanswered = false, mayLoseReports = false } = told;
  const evidence: Evidence = {
    accepted: [{ id: 'a', acceptedAtMs: 1_000, guarantee }],
    ledger: new Map(state === undefined ? [] : [['a', { state, reason }]]),
    receipts: receipts.map((attempt) => ({ messageId: 'a', attempt, receivedAtMs: 1_500 })),
    openAtKill: new Set(isOpenAtKill === true ? ['a'] : []),
    seenUnknown: new Set(isSeenUnknown === true ? ['a'] : []),
    allowance: { mayGoUnanswered, mayLoseReports },
  };
  return judge(evidence);
}

const kindsOf = ({ accepted: _, pauseMsMax: __, ...counts }: Verdict) =>
  Object.entries(counts).flatMap(([kind, count]) => (count > 0 ? [kind] : []));

describe('judge', () => {
  it.each<[string, Case, string[]]>([
    ['finds nothing wrong with what was delivered and taken once', { state: DELIVERED, receipts: [1] }, []],
    ['loses what the ledger does not know', { receipts: [1] }, ['lost']],
    ['loses what still waits', { state: QUEUED }, ['lost']],
    ['loses what is said to be sent and never came: a planted loss', { state: SENT }, ['lost']],
    ['loses what is said to be delivered and never came', { state: DELIVERED }, ['lost']],
    ['loses what failed though the provider takes everything', { state: FAILED, reason: 'X' }, ['lost']],
    [
      'finds what was taken twice in an attempt: a planted duplicate',
      { state: DELIVERED, receipts: [1, 1] },
      ['duplicated'],
    ],
    [
      'finds what was taken in two attempts though at most once was promised',
      { state: DELIVERED, receipts: [1, 2] },
      ['duplicated'],
    ],
    [
      'finds two attempts of at least once that nobody called unknown between them',
      { state: DELIVERED, receipts: [1, 2], guarantee: 'AT_LEAST_ONCE' },
      ['duplicated'],
    ],
    [
      'allows two attempts of at least once after an unknown',
      { state: DELIVERED, receipts: [1, 2], guarantee: 'AT_LEAST_ONCE', isSeenUnknown: true },
      [],
    ],
    ['counts what was under way at a kill and never came', { state: UNKNOWN, isOpenAtKill: true }, ['unknown']],
    [
      'counts apart what failed with its fate unknown',
      { state: FAILED, reason: 'UNKNOWN_OUTCOME', isOpenAtKill: true },
      ['failedUnknown'],
    ],
    ['does not forgive an unknown without a kill', { state: UNKNOWN }, ['unresolved']],
    ['counts apart what the provider left unanswered', { state: UNKNOWN, mayGoUnanswered: true }, ['unanswered']],
    [
      'does not forgive an unknown that the provider told of',
      { state: UNKNOWN, receipts: [1], isOpenAtKill: true },
      ['unresolved'],
    ],
    [
      'does not forgive a failure with a receipt',
      { state: FAILED, reason: 'UNKNOWN_OUTCOME', receipts: [1], isOpenAtKill: true },
      ['unresolved'],
    ],
    ['does not forgive what stands as sent though reports came', { state: SENT, receipts: [1] }, ['unresolved']],
    [
      'allows what stands as sent where reports were lost',
      { state: SENT, receipts: [1], mayLoseReports: true },
      ['unheard'],
    ],
  ])('%s', (_, told, kinds) => {
    const verdict = verdictOf(told);
    expect(kindsOf(verdict)).toEqual(kinds);
    const isFault = kinds.some((kind) => ['lost', 'duplicated', 'unresolved'].includes(kind));
    expect(faultsOf(verdict).length > 0).toBe(isFault);
  });

  it('tells the longest time to the provider', () => {
    expect(verdictOf({ state: DELIVERED, receipts: [1] }).pauseMsMax).toBe(500);
  });
});

describe('faultsOfOrder', () => {
  const fine = { ...verdictOf({ state: DELIVERED, receipts: [1] }), pauseMsMax: 10_000 };

  it.each([
    ['nothing where all went on', {}, 0],
    ['an unknown outcome, though nobody died', { unknown: 1 }, 1],
    ['one that the provider was asked after', { failedUnknown: 1 }, 1],
    ['a message that waited longer than P20 says', { pauseMsMax: 10_001 }, 1],
  ])('finds %s', (_, change, faults) => {
    expect(faultsOfOrder({ ...fine, ...change })).toHaveLength(faults);
  });
});

describe('faultsOfWhole', () => {
  const fine = { accepted: new Set(['a']), inLedger: ['a'], isConserved: [true], repeatsAgree: [true] };

  it.each([
    ['nothing where all agrees', {}, 0],
    ['a message that nobody was told of', { inLedger: ['a', 'b'] }, 1],
    ['a ledger that is not conserved', { isConserved: [true, false] }, 1],
    ['a request that was answered twice differently', { repeatsAgree: [false] }, 1],
  ])('finds %s', (_, change, faults) => {
    expect(faultsOfWhole({ ...fine, ...change })).toHaveLength(faults);
  });
});
