import { isTrustDomain, serviceNamed } from './service-certificate';

describe('serviceNamed', () => {
  const named = (subjectAltName?: string) => serviceNamed(subjectAltName, 'herald.test');

  it.each([
    ['alone', 'URI:spiffe://herald.test/dispatch'],
    ['after a path', 'URI:spiffe://herald.test/ns/herald/sa/dispatch'],
    ['beside a host name', 'DNS:dispatch.herald.svc, URI:spiffe://herald.test/dispatch, IP Address:127.0.0.1'],
  ])('S5: reads a service %s', (_, subjectAltName) => expect(named(subjectAltName)).toBe('dispatch'));

  it.each([
    ['no name at all', undefined],
    ['a host name alone', 'DNS:dispatch'],
    ['a service there is none of', 'URI:spiffe://herald.test/billing'],
    ['no path', 'URI:spiffe://herald.test'],
    ['an empty path', 'URI:spiffe://herald.test/'],
    ['a service that is not last', 'URI:spiffe://herald.test/dispatch/other'],
    ['a slash more', 'URI:spiffe://herald.test/dispatch/'],
    ['an empty segment', 'URI:spiffe://herald.test//dispatch'],
    ['another trust domain', 'URI:spiffe://elsewhere.test/dispatch'],
    ['a longer trust domain', 'URI:spiffe://herald.test.evil/dispatch'],
    ['a trust domain with a port', 'URI:spiffe://herald.test:443/dispatch'],
    ['a trust domain in a path', 'URI:spiffe://evil.test/spiffe://herald.test/dispatch'],
    ['another scheme', 'URI:https://herald.test/dispatch'],
    ['a query', 'URI:spiffe://herald.test/ns?/dispatch'],
    ['a longer name', 'URI:spiffe://herald.test/my-dispatch'],
    ['two services', 'URI:spiffe://herald.test/gateway, URI:spiffe://herald.test/dispatch'],
    ['a name that holds another', 'URI:"spiffe://herald.test/a, URI:spiffe://herald.test/dispatch, DNS:b"'],
    ['a host name that holds one', 'DNS:"a, URI:spiffe://herald.test/dispatch"'],
    ['a host name like a URI', 'DNS:spiffe://herald.test/dispatch'],
  ])('S5: reads no service from %s', (_, subjectAltName) => expect(named(subjectAltName)).toBeUndefined());

  it.each(['', 'Herald.test', 'herald.test/ns', 'spiffe://herald.test', 'a b'])('takes no trust domain "%s"', (text) =>
    expect(isTrustDomain(text)).toBe(false),
  );
});
