import { show } from './show';

describe('show', () => {
  it('puts fields one below the other, and nested ones further in', () => {
    const answer = { template: { id: 'a', draft: { texts: 2 } }, isNew: true };
    expect(show(answer)).toBe(['template:', '  id: a', '  draft:', '    texts: 2', 'isNew: true'].join('\n'));
  });

  it('lists items one by one', () => {
    const answer = { channels: [{ id: 'a', sender: '12345' }, { id: 'b' }], scopes: ['send', 'read'] };
    expect(show(answer)).toBe(
      ['channels:', '  - id: a', '    sender: 12345', '  - id: b', 'scopes:', '  - send', '  - read'].join('\n'),
    );
  });

  it('leaves out what is empty, and keeps zero and false', () => {
    const answer = { name: '', page: undefined, owner: null, items: [], map: {}, used: 0, conserved: false };
    expect(show(answer)).toBe('used: 0\nconserved: false');
  });

  it('leaves out counts of nothing, since there are a dozen states', () => {
    const answer = { counts: { contacts: 20, refused: 0, delivered: 20, failedByReason: {} }, open: 0 };
    expect(show(answer)).toBe(['counts:', '  contacts: 20', '  delivered: 20', 'open: 0'].join('\n'));
    expect(show({ counts: { contacts: 0, delivered: 0 } })).toBe('');
  });

  it('shows times as they are written, and states without their prefix', () => {
    const answer = {
      createTime: new Date('2026-01-02T03:04:05Z'),
      state: 'MESSAGE_STATE_DELIVERED',
      account: 'CHANNEL_ACCOUNT_STATE_VALID',
      draft: 'STATE_DRAFT',
    };
    expect(show(answer)).toBe(
      ['createTime: 2026-01-02T03:04:05.000Z', 'state: DELIVERED', 'account: VALID', 'draft: DRAFT'].join('\n'),
    );
  });

  it('shows a text as it is, and nothing of nothing', () => {
    expect(show('a text')).toBe('a text');
    expect(show({})).toBe('');
  });
});
