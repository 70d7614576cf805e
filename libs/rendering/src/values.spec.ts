import fc from 'fast-check';
import { assembleValues } from './values';

const source = (contextItems: Record<string, string>, changes: { customerName?: string; caseName?: string } = {}) => ({
  ...{ contextItems, customerName: '', caseName: '' },
  ...changes,
});
const valuesOf = (...given: Parameters<typeof source>) => {
  const assembled = assembleValues(source(...given));
  return assembled.kind === 'values' ? Object.fromEntries(assembled.values) : assembled;
};

describe('assembleValues', () => {
  it('takes the fields of a contact as context items', () => {
    expect(valuesOf({ OrderNumber: 'A-1' }, { caseName: 'Screen' })).toEqual({
      ordernumber: 'A-1',
      casename: 'Screen',
    });
  });

  it('derives the parts of the name, unless they were given', () => {
    expect(valuesOf({ 'FirstName{Customer}': 'Anita' }, { customerName: 'Ana María Ruiz' })).toMatchObject({
      'fullname{customer}': 'Ana María Ruiz',
      'firstname{customer}': 'Anita',
      'lastname{customer}': 'Ruiz',
    });
  });

  it('takes the same value twice, and calls two values for one key a conflict', () => {
    expect(valuesOf({ Order: '1', ORDER: '1' })).toEqual({ order: '1' });
    expect(valuesOf({ Order: '1', ORDER: '2' })).toEqual({ kind: 'conflict', key: 'ORDER' });
    expect(valuesOf({ customername: 'Ana' }, { customerName: 'Eva' })).toEqual({
      kind: 'conflict',
      key: 'CustomerName',
    });
  });

  it('S9: drops control characters and what turns the direction of text, and keeps joiners', () => {
    expect(valuesOf({ a: 'x\u0000\u001b\u202ey\u2066z', b: 'न\u200d' })).toEqual({ a: 'xyz', b: 'न\u200d' });
  });

  it('makes every end of a line a line feed, and a tab a space', () => {
    expect(valuesOf({ a: '1\r\n2\r3\n4\u00855\u20286\t7' })).toEqual({ a: '1\n2\n3\n4\n5\n6 7' });
  });

  it('S9: lets no control character but the line feed into a value, whatever is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (any) => {
        const values = valuesOf({ any }) as Record<string, string>;
        expect(values.any).not.toMatch(/(?!\n)[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(valuesOf({ any: values.any ?? '' })).toEqual(values);
      }),
    );
  });

  it('gathers the same values in whatever order and case the keys are given', () => {
    const items = fc.uniqueArray(fc.tuple(fc.constantFrom('Order', 'Day', 'Prénom', 'City'), fc.string()), {
      selector: ([key]) => key,
    });
    fc.assert(
      fc.property(items, (given) => {
        const other = [...given]
          .reverse()
          .map(([key, value]): [string, string] => [` ${key.toUpperCase().normalize('NFD')}`, value]);
        expect(valuesOf(Object.fromEntries(other))).toEqual(valuesOf(Object.fromEntries(given)));
      }),
    );
  });

  it('is not misled by keys that objects have by nature', () => {
    expect(valuesOf({ constructor: 'x', toString: 'y' })).toEqual({ constructor: 'x', tostring: 'y' });
  });
});
