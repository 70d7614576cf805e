import { CheckLedgerResponse, LedgerCounts, MessageState } from '@herald/contracts/dispatch';
import { acceptedOf, discrepancies, type Findings } from './compare';

/** Five contacts: one refused, one skipped, two delivered, one failed before the provider had it. */
const COUNTS = { contacts: 5, refused: 1, skipped: 1, delivered: 2, failed: 1 };

function countsOf(changes: Partial<LedgerCounts>): LedgerCounts {
  return LedgerCounts.fromPartial({ ...COUNTS, ...changes });
}

function findings(counts: Partial<LedgerCounts> = {}, changes: Partial<Findings> = {}): Findings {
  return {
    contacts: 5,
    ledger: CheckLedgerResponse.fromPartial({ conserved: true, counts: countsOf(counts) }),
    messages: [
      { id: 'skipped', state: MessageState.SKIPPED },
      { id: 'one', state: MessageState.DELIVERED },
      { id: 'two', state: MessageState.DELIVERED },
      { id: 'three', state: MessageState.FAILED },
    ],
    receipts: { receipts: 2, byMessage: { one: 1, two: 1 }, byStatus: {} },
    areReportsLost: true,
    openAtKill: undefined,
    ...changes,
  };
}

/** Five contacts, all in one state. */
function only(state: keyof LedgerCounts): LedgerCounts {
  return { ...LedgerCounts.fromPartial({ contacts: 5 }), [state]: 5 };
}

/** Receipts by message, with changes. */
function receipts(byMessage: Record<string, number>): Partial<Findings> {
  return { receipts: { receipts: 0, byMessage: { one: 1, two: 1, ...byMessage }, byStatus: {} } };
}

/** One message in place of the second. */
function second(state: MessageState): Partial<Findings> {
  return {
    messages: findings().messages.map((message) => (message.id === 'two' ? { id: 'two', state } : message)),
  };
}

describe('discrepancies of the ledger', () => {
  it('are none when all agree', () => {
    expect(discrepancies(findings())).toEqual([]);
  });

  it('has the ledger speak for itself', () => {
    const ledger = CheckLedgerResponse.fromPartial({
      conserved: false,
      counts: countsOf({}),
      discrepancies: [{ subject: 'request 7', description: 'a batch of 5 has 4 positions' }],
    });
    expect(discrepancies(findings({}, { ledger }))).toEqual([
      'ledger: request 7: a batch of 5 has 4 positions',
      'the ledger says of itself that it is not conserved',
    ]);
  });

  it('finds contacts that the ledger does not know', () => {
    expect(discrepancies(findings({ contacts: 4, refused: 0 }))).toEqual([
      'the ledger knows 4 of 5 contacts',
      'the states add up to 4 instead of 5',
    ]);
    const without = CheckLedgerResponse.fromPartial({ conserved: true });
    expect(discrepancies(findings({}, { ledger: without }))).toEqual(['the ledger knows 0 of 5 contacts']);
  });

  it('finds states that do not add up', () => {
    expect(discrepancies(findings({ delivered: 1 }))).toEqual(['the states add up to 4 instead of 5']);
    expect(discrepancies(findings({ delivered: 3 }))).toEqual(['the states add up to 6 instead of 5']);
  });

  it.each(['refused', 'skipped', 'cancelled', 'expired', 'unknown', 'sent', 'read', 'undelivered', 'failed'] as const)(
    'counts %s among the states',
    (state) => {
      const ledger = CheckLedgerResponse.fromPartial({ conserved: true, counts: only(state) });
      expect(discrepancies(findings({}, { ledger }))).toEqual([]);
    },
  );

  it('finds messages that were left without an outcome', () => {
    expect(discrepancies(findings({ delivered: 0, queued: 1, sending: 1 }))).toEqual(['2 messages have no outcome']);
  });
});

describe('discrepancies with the receipts', () => {
  it('finds a message that counts as delivered and has no receipt', () => {
    expect(discrepancies(findings({}, receipts({ two: 0 })))).toEqual(['message two is DELIVERED and has 0 receipts']);
  });

  it('finds a message that the provider has twice', () => {
    expect(discrepancies(findings({}, receipts({ two: 2 })))).toEqual(['message two is DELIVERED and has 2 receipts']);
  });

  it('finds a receipt of what was not to be sent, or is not known at all', () => {
    expect(discrepancies(findings({}, receipts({ skipped: 1, stray: 1 })))).toEqual([
      'message skipped is SKIPPED and has 1 receipts',
      'the provider has 1 receipts of stray, which the ledger does not know',
    ]);
  });

  it.each([
    [MessageState.SENT, [1]],
    [MessageState.DELIVERED, [1]],
    [MessageState.READ, [1]],
    [MessageState.UNDELIVERED, [1]],
    [MessageState.FAILED, [0, 1]],
    [MessageState.UNKNOWN, [0, 1]],
    [MessageState.SKIPPED, [0]],
    [MessageState.QUEUED, [0]],
    [MessageState.CANCELLED, [0]],
    [MessageState.EXPIRED, [0]],
    [MessageState.SENDING, []],
  ])('lets %s have so many receipts: %p', (state, allowed) => {
    const fine = [0, 1, 2].filter(
      (received) => discrepancies(findings({}, { ...second(state), ...receipts({ two: received }) })).length === 0,
    );
    expect(fine).toEqual(allowed);
  });
});

describe('discrepancies with the reports of the provider', () => {
  const told = (byStatus: Record<string, number>, areReportsLost = false) =>
    discrepancies(findings({}, { receipts: { ...findings().receipts, byStatus }, areReportsLost }));

  it('are none when the ledger has heard all of them', () => {
    expect(told({ delivered: 2 })).toEqual([]);
  });

  it('finds what the ledger has not heard, or heard otherwise', () => {
    expect(told({ delivered: 1, undelivered: 1 })).toEqual([
      '2 messages are delivered, but the provider says 1',
      '0 messages are undelivered, but the provider says 1',
    ]);
  });

  it('lets be what reports were lost on purpose', () => {
    expect(told({ delivered: 1, undelivered: 1 }, true)).toEqual([]);
  });
});

describe('discrepancies after a kill', () => {
  it('lets be unknown what was under way', () => {
    const unknown = { ...second(MessageState.UNKNOWN), openAtKill: 1 };
    expect(discrepancies(findings({ delivered: 2, failed: 0, unknown: 1 }, unknown))).toEqual([]);
  });

  it('finds more unknown than were under way', () => {
    const unknown = { ...second(MessageState.UNKNOWN), openAtKill: 0 };
    expect(discrepancies(findings({ delivered: 2, failed: 0, unknown: 1 }, unknown))).toEqual([
      '1 messages are unknown, but only 0 were under way',
    ]);
  });

  it('finds a message that suffered though it was not under way', () => {
    expect(discrepancies(findings({}, { openAtKill: 3 }))).toEqual([
      '2 of 3 messages that were not under way are delivered',
    ]);
  });
});

describe('acceptedOf', () => {
  it('leaves out who was refused or skipped', () => {
    expect(acceptedOf(countsOf({}))).toBe(3);
  });
});
