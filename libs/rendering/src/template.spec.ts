import fc from 'fast-check';
import { checkTemplate, compileTemplate, render, slugsOf, TemplateSyntaxError } from './template';

const values = (entries: Record<string, string>) => new Map(Object.entries(entries));
const faultOf = (text: string): TemplateSyntaxError | undefined => {
  try {
    compileTemplate(text);
    return undefined;
  } catch (error) {
    return error instanceof TemplateSyntaxError ? error : undefined;
  }
};

describe('compileTemplate', () => {
  it('finds the slugs of a text, each once and in the spelling of its first use', () => {
    expect(compileTemplate('{Name}, {ORDER}, {name} of {FullName{Customer}}').slugs).toEqual([
      'Name',
      'ORDER',
      'FullName{Customer}',
    ]);
  });

  it.each([
    ['Hello {Name', 7],
    ['Hello Name}', 11],
    ['{}', 1],
    ['{ }', 1],
    ['{a{b{c}}}', 5],
    ['{Full{}}', 1],
    ['{what?}', 1],
    [`{${'x'.repeat(101)}}`, 1],
  ])('refuses %j and says where', (text, position) => {
    expect(faultOf(text)?.position).toBe(position);
  });

  it('reads any text without braces as itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (any) => {
        const text = any.replace(/[{}]/g, '');
        expect(render(compileTemplate(text), new Map(), 'strict')).toEqual({ kind: 'rendered', text });
      }),
    );
  });
});

describe('checkTemplate', () => {
  const faultsOf = (text: string) => checkTemplate(text).map(({ reason, position }) => [reason, position]);

  it.each<[string, [string, number][]]>([
    ['Hello {CustomerName}, {FullName{Customer}} and {nickname{AGENT}}', []],
    ['{नाम} {Prénom} {Pre\u0301nom} {order.number-2 x}', []],
    [
      '} {} {Ok} {what?}',
      [
        ['SLUG_INVALID', 1],
        ['SLUG_INVALID', 3],
        ['SLUG_INVALID', 11],
      ],
    ],
    [
      '{a{b{c}}} {',
      [
        ['SLUG_INVALID', 5],
        ['SLUG_INVALID', 11],
      ],
    ],
    [
      '{{{',
      [
        ['SLUG_INVALID', 1],
        ['SLUG_INVALID', 2],
        ['SLUG_INVALID', 3],
      ],
    ],
    [
      '{Name, {Order} {what?}',
      [
        ['SLUG_INVALID', 1],
        ['SLUG_INVALID', 16],
      ],
    ],
    [
      '{Age{Customer}} {FullName{Robot}}',
      [
        ['SLUG_UNKNOWN', 1],
        ['SLUG_UNKNOWN', 17],
      ],
    ],
    [
      '{Age{Customer}} {?}',
      [
        ['SLUG_UNKNOWN', 1],
        ['SLUG_INVALID', 17],
      ],
    ],
  ])('lists what is wrong with %j', (text, faults) => {
    expect(faultsOf(text)).toEqual(faults);
  });

  it('names the unknown slug in its description', () => {
    expect(checkTemplate('{Age{Customer}}')[0]?.description).toContain('{Age{Customer}}');
  });

  it('lists ten faults at most', () => {
    expect(faultsOf('}'.repeat(1600))).toHaveLength(10);
    expect(faultsOf('{'.repeat(1600))).toHaveLength(10);
  });

  it('finds a text malformed exactly when compiling it throws, and at the same place', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', 'a', 'B', ' ', '?', '{Order}') }), (text) => {
        const malformed = checkTemplate(text).find(({ reason }) => reason === 'SLUG_INVALID');
        expect(faultOf(text)?.position).toBe(malformed?.position);
      }),
    );
  });
});

describe('slugsOf', () => {
  it('joins the slugs of several texts in the spelling of their first use', () => {
    const texts = ['{Name} {FullName{Customer}}', '{NAME} {Order} {fullname{ customer }}'].map((text) =>
      compileTemplate(text),
    );
    expect(slugsOf(...texts)).toEqual(['Name', 'FullName{Customer}', 'Order']);
  });
});

describe('render', () => {
  const template = compileTemplate('Dear {CustomerName}, order {OrderNumber} is here.');

  it('looks values up without regard to case', () => {
    const rendered = render(template, values({ customername: 'Ana', ordernumber: 'A-1' }), 'strict');
    expect(rendered).toEqual({ kind: 'rendered', text: 'Dear Ana, order A-1 is here.' });
  });

  it('names every slug without a value under the strict policy', () => {
    expect(render(template, values({}), 'strict')).toEqual({ kind: 'missing', slugs: ['CustomerName', 'OrderNumber'] });
  });

  it('leaves a slug without a value empty where that was chosen', () => {
    expect(render(template, values({ customername: 'Ana' }), 'empty')).toEqual({
      kind: 'rendered',
      text: 'Dear Ana, order  is here.',
    });
  });

  it('S9: never reads a value as a template, whatever stands in it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (first, second) => {
        const rendered = render(
          template,
          values({ customername: `${first}{OrderNumber}$&`, ordernumber: second }),
          'strict',
        );
        expect(rendered).toEqual({ kind: 'rendered', text: `Dear ${first}{OrderNumber}$&, order ${second} is here.` });
      }),
    );
  });

  it('takes an empty value for a value', () => {
    expect(render(template, values({ customername: '', ordernumber: '1' }), 'strict')).toMatchObject({
      kind: 'rendered',
    });
  });

  it('finds a value whose key was written in other code points for the same letters', () => {
    expect(render(compileTemplate('{Pre\u0301nom}'), values({ prénom: 'Ana' }), 'strict')).toEqual({
      kind: 'rendered',
      text: 'Ana',
    });
  });

  it('puts literals and values together in their order, and nothing else', () => {
    const pieces = fc.array(
      fc.tuple(
        fc.string().map((text) => text.replace(/[{}]/g, '')),
        fc.nat({ max: 9 }),
      ),
    );
    fc.assert(
      fc.property(pieces, fc.array(fc.string(), { minLength: 10, maxLength: 10 }), (parts, given) => {
        const text = parts.map(([literal, slug]) => `${literal}{S${slug}}`).join('');
        const known = new Map(given.map((value, slug) => [`s${slug}`, value]));
        const expected = parts.map(([literal, slug]) => literal + given[slug]).join('');
        expect(render(compileTemplate(text), known, 'strict')).toEqual({ kind: 'rendered', text: expected });
      }),
    );
  });
});
