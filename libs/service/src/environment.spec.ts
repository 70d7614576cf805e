import { EnvironmentError, readEnvironment } from './environment';

const faultsOf = (env: Record<string, string>): string[] => {
  try {
    readEnvironment(env);
    return [];
  } catch (error) {
    return error instanceof EnvironmentError ? error.message.split('\n') : ['something else'];
  }
};

describe('readEnvironment', () => {
  it('reads what is set, in its type, and nothing else', () => {
    const read = readEnvironment({ HERALD_SHARDS: '24', HERALD_REFLECTION: 'off', HERALD_HOME: '', PATH: '/bin' });
    expect(read).toEqual({ HERALD_SHARDS: 24, HERALD_REFLECTION: 'off' });
  });

  it('tells every fault at once, and repeats no value', () => {
    const faults = faultsOf({
      HERALD_SHARDS: 'secret-many',
      HERALD_DATABASE_URL: 'no secret url',
      HERALD_DISPATCH_URL: 'nowhere',
    });
    expect(faults).toHaveLength(3);
    expect(faults.join()).not.toMatch(/secret|nowhere/);
  });

  it.each([
    ['HERALD_PORT_BASE', '65500', 'leaves no room for the ports above it'],
    ['HERALD_TEMPLATE_URL', '127.0.0.1:70000', 'has a port there is none of'],
    ['HERALD_DATABASE_URL', 'mysql://127.0.0.1/herald', 'is of another database'],
    ['HERALD_JWKS_URL', 'file:///etc/keys.json', 'is none to fetch'],
    ['HERALD_PUBLIC_URL', 'ftp://example.com', 'is none that providers call'],
  ])('refuses a %s of %s, which %s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([expect.stringMatching(`^${name} cannot be used: `)]);
  });

  it.each([
    ['HERALD_PORT_BASE', '50050'],
    ['HERALD_DISPATCH_URL', 'dispatch.internal:65535'],
    ['HERALD_DATABASE_URL', 'postgres://herald@localhost/herald'],
    ['HERALD_DATABASE_URL', 'postgresql://herald@%2Frun%2Fpostgresql/herald'],
    ['HERALD_JWKS_URL', 'http://127.0.0.1:8080/keys'],
    ['HERALD_PUBLIC_URL', 'https://hooks.example.com/herald'],
  ])('takes a %s of %s', (name, value) => {
    expect(faultsOf({ [name]: value })).toEqual([]);
  });

  it('does not let a misspelt name pass', () => {
    expect(faultsOf({ HERALD_SHARD: '24' })).toEqual(['HERALD_SHARD is no variable of Herald.']);
  });

  it('leaves the names of the tests alone', () => {
    expect(readEnvironment({ HERALD_TEST_DATABASE_URL: 'x', HERALD_TESTS: 'unit' })).toEqual({});
  });
});
