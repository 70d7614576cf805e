import { tableOf } from './print';

describe('tableOf', () => {
  it('puts the largest first, and leaves out what is zero', () => {
    expect(tableOf('state', { skipped: 50, queued: 0, delivered: 925 })).toBe(
      ['  state      count', '  delivered    925', '  skipped       50', ''].join('\n'),
    );
  });

  it('has a head alone where nothing counts', () => {
    expect(tableOf('reason', {})).toBe('  reason  count\n');
  });
});
