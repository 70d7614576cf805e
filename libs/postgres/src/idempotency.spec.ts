import { requestHash } from './idempotency';

describe('requestHash', () => {
  const request = { configurationId: 'c', contacts: [{ to: '+1', items: { a: '1', b: '2' } }], validFor: undefined };

  it('is the same when a map arrives in another order', () => {
    const repeat = { contacts: [{ items: { b: '2', a: '1' }, to: '+1' }], configurationId: 'c' };
    expect(requestHash(repeat)).toEqual(requestHash(request));
  });

  it('differs when contacts change their order, because results are matched by position', () => {
    const forth = requestHash({ contacts: ['a', 'b'] });
    expect(requestHash({ contacts: ['b', 'a'] })).not.toEqual(forth);
  });

  it('differs between an absent and a false opt-in', () => {
    expect(requestHash({ optin: false })).not.toEqual(requestHash({ optin: undefined }));
  });

  it('does not confuse a value that looks like structure with structure', () => {
    expect(requestHash({ a: '{"b":1}' })).not.toEqual(requestHash({ a: { b: 1 } }));
  });

  it('tells two moments apart', () => {
    expect(requestHash({ at: new Date(0) })).not.toEqual(requestHash({ at: new Date(1) }));
  });
});
