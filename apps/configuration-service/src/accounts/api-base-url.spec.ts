import { Violations } from '../reading';
import { checkApiBaseUrl } from './api-base-url';

function isRefused(text: string): boolean {
  const violations = new Violations();
  checkApiBaseUrl(violations, 'url', text);
  try {
    violations.refuse();
    return false;
  } catch {
    return true;
  }
}

describe('checkApiBaseUrl', () => {
  it.each([
    ['nothing, for the provider itself', ''],
    ['https', 'https://api.twilio.example'],
    ['https with a path and a port', 'https://proxy.example:8443/twilio/'],
    ['a public address', 'https://93.184.216.34'],
    ['this machine by name', 'http://localhost:4010'],
    ['this machine by address', 'http://127.0.0.1:4010'],
    ['this machine by another of its addresses', 'https://127.1.2.3'],
    ['this machine in IPv6', 'http://[::1]:4010'],
    ['172.32, which is outside', 'https://172.32.0.1'],
    ['100.128, which is outside', 'https://100.128.0.1'],
  ])('takes %s', (_what, text) => {
    expect(isRefused(text)).toBe(false);
  });

  it.each([
    ['plain http to elsewhere', 'http://api.twilio.example'],
    ['a name that begins as this machine does', 'http://127.0.0.1.example.com'],
    ['a name that begins with this machine’s name', 'http://localhost.example.com'],
    ['another protocol', 'ftp://api.twilio.example'],
    ['what is no URL', 'api.twilio.example'],
    ['a user', 'https://user@api.twilio.example'],
    ['a password', 'https://:secret@api.twilio.example'],
    ['a query', 'https://api.twilio.example/?a=b'],
    ['an empty query, which would swallow the path', 'https://api.twilio.example/?'],
    ['a fragment', 'https://api.twilio.example/#a'],
    ['an empty fragment', 'https://api.twilio.example/#'],
    ['a space', ' https://api.twilio.example'],
    ['a line break', 'https://api.twilio.example/\n'],
    ['what PostgreSQL cannot store', 'https://api.twilio.example/\0'],
    ['a private address', 'https://10.0.0.1'],
    ['a private address of 172', 'https://172.16.0.1'],
    ['a private address of 192', 'https://192.168.1.1'],
    ['a shared address', 'https://100.64.0.1'],
    ['the metadata address', 'https://169.254.169.254'],
    ['the metadata address with a dot at its end', 'https://169.254.169.254.'],
    ['an address for protocols alone', 'https://192.0.0.1'],
    ['an address for measurements within a house', 'https://198.18.0.1'],
    ['the address of a group', 'https://224.0.0.1'],
    ['the address of everybody', 'https://255.255.255.255'],
    ['a private address as one number', 'https://167772161'],
    ['a private address in hexadecimal digits', 'https://0x0a000001'],
    ['the address of any interface', 'https://0.0.0.0'],
    ['an address of IPv6', 'https://[fd00::1]'],
    ['an address of IPv4 within IPv6', 'https://[::ffff:10.0.0.1]'],
    ['more than 500 characters', `https://api.twilio.example/${'a'.repeat(500)}`],
  ])('refuses %s', (_what, text) => {
    expect(isRefused(text)).toBe(true);
  });
});
