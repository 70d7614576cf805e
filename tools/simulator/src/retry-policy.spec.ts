import { retryPolicy } from './retry-policy';

describe('retryPolicy', () => {
  it('has the documented defaults, and leaves the URL as it is', () => {
    expect(retryPolicy('https://example.com/a%20b?x=%7E')).toEqual({
      url: 'https://example.com/a%20b?x=%7E',
      connectTimeoutMs: 5000,
      readTimeoutMs: 15_000,
      totalTimeoutMs: 15_000,
      retries: 1,
      retryOn: new Set(['ct']),
    });
  });

  it('reads the overrides and takes the fragment off', () => {
    expect(retryPolicy('https://example.com/?m=1#ct=200&rt=300&tt=400&rc=5&rp=5xx,rt')).toEqual({
      url: 'https://example.com/?m=1',
      connectTimeoutMs: 200,
      readTimeoutMs: 300,
      totalTimeoutMs: 400,
      retries: 5,
      retryOn: new Set(['5xx', 'rt']),
    });
    expect(retryPolicy('https://example.com/#rp=all').retryOn).toEqual(new Set(['4xx', '5xx', 'ct', 'rt']));
    expect(retryPolicy('https://example.com/#rc=0').retries).toBe(0);
  });

  it('takes a value out of bounds for none', () => {
    expect(retryPolicy('https://example.com/#rc=6&ct=1&rt=99999&rp=never')).toMatchObject({
      retries: 1,
      connectTimeoutMs: 5000,
      readTimeoutMs: 15_000,
      retryOn: new Set(['ct']),
    });
  });
});
