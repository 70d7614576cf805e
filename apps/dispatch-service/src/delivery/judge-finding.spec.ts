import { judgeFinding, type Knowledge, type Owner } from './judge-finding';

const sought: Owner = { messageId: 'mine', attempt: 2 };
const report = (providerId: string) => ({ accountId: 'AC1', providerId, status: 'sent', errorCode: '' });
const judge = (ids: string[], changes: Partial<Knowledge> & { isComplete?: boolean } = {}) => {
  const { isComplete = true, ...knowledge } = changes;
  const finding = { kind: 'found' as const, candidates: ids.map(report), isComplete };
  return judgeFinding(finding, { sought, owners: new Map(), hasTwin: false, ...knowledge });
};

describe('judgeFinding', () => {
  it('takes the only one that can be it', () => {
    expect(judge(['SM1'])).toEqual({ kind: 'found', report: report('SM1') });
  });

  it('passes over what belongs to other messages and other attempts', () => {
    const owners = new Map([
      ['SM1', { messageId: 'another', attempt: 2 }],
      ['SM2', { messageId: 'mine', attempt: 1 }],
    ]);
    expect(judge(['SM1', 'SM2'], { owners })).toEqual({ kind: 'not_there' });
    expect(judge(['SM1', 'SM3'], { owners })).toMatchObject({ kind: 'found', report: { providerId: 'SM3' } });
  });

  it('finds again what it found before', () => {
    expect(judge(['SM1'], { owners: new Map([['SM1', sought]]) })).toMatchObject({ kind: 'found' });
  });

  it.each([
    ['two can be it', judge(['SM1', 'SM2'])],
    ['another unknown message has its text and number', judge(['SM1'], { hasTwin: true })],
    ['the list was not read to its end', judge(['SM1'], { isComplete: false })],
    ['the part of the list that was read has nothing', judge([], { isComplete: false })],
  ])('does not guess when %s', (_when, judgement) => {
    expect(judgement).toEqual({ kind: 'ambiguous' });
  });

  it('says that there is none only where nothing is left that could be it', () => {
    expect(judge([])).toEqual({ kind: 'not_there' });
    expect(judge([], { hasTwin: true })).toEqual({ kind: 'not_there' });
  });
});
