import { AdviceError } from '../../advice-error';
import { choiceOf, maskOf, numberOf } from './verb';

describe('numberOf', () => {
  it('reads whole numbers, and 0 where none was given', () => {
    expect([undefined, '0', '500'].map(numberOf)).toEqual([0, 0, 500]);
  });

  it.each(['', 'many', '-5', '1.5', '1e3', '99999999999'])('advises about "%s"', (text) => {
    expect(() => numberOf(text)).toThrow(new AdviceError(`"${text}" is no whole number of at most nine digits.`));
  });
});

describe('choiceOf', () => {
  it('reads one of few words, in any case', () => {
    expect(choiceOf('Empty', ['strict', 'empty'])).toBe('empty');
    expect(choiceOf(undefined, ['strict', 'empty'])).toBeUndefined();
  });

  it('advises about any other', () => {
    expect(() => choiceOf('lax', ['strict', 'empty'])).toThrow(new AdviceError('"lax" is none of strict, empty.'));
  });
});

describe('maskOf', () => {
  const fields = { name: 'display_name', rate: 'segments_per_second' };

  it('names the fields whose options were given', () => {
    expect(maskOf({ rate: '0' }, fields)).toEqual(['segments_per_second']);
  });

  it('advises where none was', () => {
    expect(() => maskOf({}, fields)).toThrow(new AdviceError('Nothing is to be changed. Give one of --name, --rate.'));
  });
});
