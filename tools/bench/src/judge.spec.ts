import { LedgerCounts } from '@herald/contracts/dispatch';
import { faultsOf, type RunEvidence } from './judge';

describe('faultsOf', () => {
  const ledger = (counts: Partial<LedgerCounts>, conserved = true) => ({
    conserved,
    counts: LedgerCounts.fromPartial(counts),
  });
  const whole: RunEvidence = {
    ...{ accepted: 30, taken: 30, outbox: 0, end: 'settled' },
    ledgers: [ledger({ contacts: 10, sent: 10 }), ledger({ contacts: 20, sent: 15, delivered: 5 })],
  };

  it('finds nothing where answers, rows and receipts agree', () => expect(faultsOf(whole)).toEqual([]));

  it.each<[string, Partial<RunEvidence>, string[]]>([
    [
      'rows are missing',
      { ledgers: [ledger({ contacts: 29, sent: 29 })] },
      ['30 were accepted, and 29 stand in the ledger', '30 were accepted, and 29 are settled'],
    ],
    [
      'rows have no outcome',
      { ledgers: [ledger({ contacts: 30, sent: 27, queued: 2, sending: 1 })] },
      ['30 were accepted, and 27 are settled'],
    ],
    ['a second callback did not come', { end: 'delivered' }, ['30 were accepted, and 5 are delivered']],
    ['a message was sent twice', { taken: 31 }, ['30 were accepted, and 31 came to the provider']],
    ['events wait', { outbox: 3 }, ['3 events are not published']],
    ['fates are unknown', { ledgers: [ledger({ contacts: 30, sent: 28, unknown: 2 })] }, ['2 are unknown']],
    [
      'a ledger contradicts itself',
      { ledgers: [ledger({ contacts: 30, sent: 30 }, false)] },
      ['a ledger is not conserved'],
    ],
  ])('finds a fault where %s', (_, change, faults) => expect(faultsOf({ ...whole, ...change })).toEqual(faults));
});
