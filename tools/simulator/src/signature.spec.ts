import { signatureOf } from './signature';

describe('signatureOf', () => {
  it('makes the signature of the SDK documentation', () => {
    const parameters = {
      CallSid: 'CA1234567890ABCDE',
      Caller: '+14158675309',
      Digits: '1234',
      From: '+14158675309',
      To: '+18005551212',
    };
    expect(signatureOf('12345', 'https://mycompany.com/myapp.php?foo=1&bar=2', parameters)).toBe(
      'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
    );
  });
});
