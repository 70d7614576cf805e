import fc from 'fast-check';
import { contradicts, merge, stateOf, type Evidence, type Standing } from './merge';

const fresh: Standing = { attempt: 1, rank: null, best: 0, reason: null, providerCode: null, providerId: null };
const evidence = (rank: number, changes: Partial<Evidence> = {}): Evidence => ({
  ...{ attempt: 1, rank, reason: null, providerCode: null, providerId: null },
  ...changes,
});
const mergeAll = (standing: Standing, pieces: readonly Evidence[]) =>
  pieces.reduce((current, piece) => merge(current, piece) ?? current, standing);

const RANKS = [1, 2, 3, 4, 5, 10, 15, 20, 30, 40, 50, 60, 61, 70, 80, 90];
const piece = fc.record({ rank: fc.constantFrom(...RANKS), attempt: fc.constantFrom(1, 2) });

describe('merge', () => {
  it('P6: comes to the same end in whatever order evidence arrives, and however often', () => {
    const shuffled = fc
      .array(piece, { maxLength: 12 })
      .chain((pieces) =>
        fc.tuple(fc.constant(pieces), fc.shuffledSubarray([...pieces, ...pieces], { minLength: pieces.length * 2 })),
      );
    fc.assert(
      fc.property(shuffled, ([pieces, twice]) => {
        const standing = { ...fresh, attempt: 2 };
        const wire = ({ rank, attempt }: { rank: number; attempt: number }) => evidence(rank, { attempt });
        const inOrder = mergeAll(standing, pieces.map(wire));
        const inDisorder = mergeAll(standing, twice.map(wire));
        expect([inDisorder.rank, inDisorder.best]).toEqual([inOrder.rank, inOrder.best]);
      }),
    );
  });

  it('P6: never goes back', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        let current: Standing = { ...fresh, attempt: 2 };
        for (const { rank, attempt } of pieces) {
          const next = merge(current, evidence(rank, { attempt })) ?? current;
          expect(next.rank ?? 0).toBeGreaterThanOrEqual(current.rank ?? 0);
          expect(next.best).toBeGreaterThanOrEqual(current.best);
          current = next;
        }
      }),
    );
  });

  it('lets any word of the provider overrule what was inferred', () => {
    const unknown = mergeAll(fresh, [evidence(1, { reason: 'OWNER_DIED' })]);
    expect(merge(unknown, evidence(10, { providerId: 'SM1' }))).toMatchObject({
      rank: 10,
      reason: null,
      providerId: 'SM1',
    });
    expect(merge(mergeAll(fresh, [evidence(10)]), evidence(1, { reason: 'OWNER_DIED' }))).toBeUndefined();
  });

  it('believes an operator before its own inference, and any word of the provider before an operator', () => {
    const operator = mergeAll(fresh, [evidence(1, { reason: 'CONNECTION_RESET' }), evidence(5)]);
    expect(operator).toMatchObject({ rank: 5, reason: null, best: 0 });
    expect(merge(operator, evidence(2, { reason: 'UNKNOWN_OUTCOME' }))).toBeUndefined();
    expect(merge(operator, evidence(60, { reason: 'PROVIDER_REFUSED' }))).toMatchObject({ rank: 60 });
  });

  it('adds to what stands still that nothing more was heard, and takes it back with the next word', () => {
    const quiet = mergeAll(fresh, [evidence(40), evidence(40, { reason: 'DELIVERY_UNCONFIRMED' })]);
    expect(quiet).toMatchObject({ rank: 40, reason: 'DELIVERY_UNCONFIRMED' });
    expect(merge(quiet, evidence(80))).toMatchObject({ rank: 80, reason: null });
  });

  it('changes nothing when told again what is known', () => {
    const delivered = mergeAll(fresh, [evidence(80, { providerId: 'SM1' })]);
    expect(merge(delivered, evidence(80, { providerId: 'SM1' }))).toBeUndefined();
    expect(merge(delivered, evidence(40, { providerId: 'SM1' }))).toBeUndefined();
  });

  it('takes the id of the provider from a late answer without going back', () => {
    const delivered = mergeAll(fresh, [evidence(80)]);
    expect(merge(delivered, evidence(10, { providerId: 'SM1' }))).toMatchObject({ rank: 80, providerId: 'SM1' });
  });

  it('hears of an earlier attempt only that it was delivered or read', () => {
    const again = { ...fresh, attempt: 2, reason: 'THROTTLED' };
    expect(merge(again, evidence(61, { attempt: 1, reason: 'DELIVERY_FAILED' }))).toBeUndefined();
    expect(merge(again, evidence(80, { attempt: 1 }))).toEqual({ ...again, best: 80 });
  });

  it('does not believe in an attempt that was never made', () => {
    expect(merge(fresh, evidence(80, { attempt: 2 }))).toBeUndefined();
  });
});

describe('contradicts', () => {
  it.each([
    [80, 60, true],
    [90, 61, true],
    [61, 80, true],
    [40, 60, false],
    [60, 61, false],
    [80, 90, false],
    [2, 80, false],
  ])('after rank %i rank %i: %s', (known, word, isContradiction) => {
    expect(contradicts(mergeAll(fresh, [evidence(known)]), evidence(word))).toBe(isContradiction);
  });

  it('does not compare one attempt with another', () => {
    expect(contradicts({ ...fresh, attempt: 2, rank: 80, best: 80 }, evidence(60, { attempt: 1 }))).toBe(false);
  });
});

describe('stateOf', () => {
  it.each([
    [1, 'UNKNOWN'],
    [2, 'FAILED'],
    [3, 'SENT'],
    [4, 'FAILED'],
    [5, 'DELIVERED'],
    [10, 'SENT'],
    [40, 'SENT'],
    [50, 'FAILED'],
    [60, 'FAILED'],
    [61, 'UNDELIVERED'],
    [70, 'DELIVERED'],
    [80, 'DELIVERED'],
    [90, 'READ'],
  ])('names rank %i %s', (rank, state) => {
    expect(stateOf({ rank, best: 0, isExpired: false })).toBe(state);
  });

  it('leaves expired what expired, unless it was delivered after all', () => {
    expect(stateOf({ rank: 60, best: 0, isExpired: true })).toBe('EXPIRED');
    expect(stateOf({ rank: 80, best: 80, isExpired: true })).toBe('DELIVERED');
  });

  it('shows the best of all attempts', () => {
    expect(stateOf({ rank: 61, best: 80, isExpired: false })).toBe('DELIVERED');
    expect(stateOf({ rank: 1, best: 90, isExpired: false })).toBe('READ');
  });
});
