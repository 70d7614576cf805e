import { compileTemplate } from '@herald/rendering';
import fc from 'fast-check';
import { planContacts, type Contact, type PlanSettings } from './plan-contacts';

const contact = (changes: Partial<Contact> = {}): Contact => ({
  toContactId: '+14255550123',
  channelId: '',
  optin: true,
  locale: 'en-US',
  contextItems: { CustomerName: 'Ana' },
  entityRelationshipName: '',
  regardingObjectId: '',
  customerName: '',
  caseName: '',
  showInTimeline: undefined,
  clientReference: '',
  sendAsTemplate: false,
  ...changes,
});

const settings = (changes: Partial<PlanSettings> = {}): PlanSettings => ({
  channelType: 'SMS',
  showInTimeline: false,
  strict2020: false,
  template: {
    defaultLanguage: 'en-US',
    texts: new Map([
      ['en-US', compileTemplate('Hello {CustomerName}')],
      ['es-ES', compileTemplate('Hola {CustomerName}')],
    ]),
    missingSlugPolicy: 'strict',
  },
  ...changes,
});

const ids = () => {
  let last = 0;
  return () => `message-${++last}`;
};
const plan = (contacts: Contact[], changes: Partial<PlanSettings> = {}) =>
  planContacts(contacts, settings(changes), ids());
const reasonOf = (changes: Partial<Contact>, settingsChanges: Partial<PlanSettings> = {}) => {
  const [outcome] = plan([contact(changes)], settingsChanges);
  return outcome?.kind === 'accepted' ? 'accepted' : outcome?.reason;
};

describe('planContacts', () => {
  it('renders the text in the language of the contact', () => {
    expect(plan([contact({ locale: '3082' })])[0]).toMatchObject({
      kind: 'accepted',
      language: 'es-ES',
      body: 'Hola Ana',
      segments: 1,
    });
  });

  it('falls back to the default language and says so', () => {
    expect(plan([contact({ locale: 'fi-FI' })])[0]).toMatchObject({
      language: 'en-US',
      warnings: ['LANGUAGE_FELL_BACK'],
    });
  });

  it.each<[string, Partial<Contact>, Partial<PlanSettings>]>([
    ['ADDRESS_MISSING', { toContactId: ' ' }, {}],
    ['ADDRESS_INVALID', { toContactId: '+1425' }, {}],
    ['OPTIN_MISSING', { optin: undefined }, {}],
    ['OPTED_OUT', { optin: false }, {}],
    ['CHANNEL_UNKNOWN', { channelId: 'Pigeon' }, {}],
    ['CHANNEL_MISMATCH', { channelId: 'WhatsApp' }, {}],
    ['CONTEXT_ITEM_CONFLICT', { contextItems: { CustomerName: 'Ana', customername: 'Bea' } }, {}],
    ['SLUG_MISSING', { contextItems: {} }, {}],
    ['TEXT_TOO_LONG', { contextItems: { CustomerName: 'x'.repeat(1600) } }, {}],
    ['CUSTOMER_NAME_MISSING', { contextItems: {} }, { strict2020: true }],
    ['CASE_NAME_MISSING', {}, { strict2020: true }],
    [
      'TEXT_EMPTY',
      { contextItems: {} },
      {
        template: {
          defaultLanguage: 'en',
          texts: new Map([['en', compileTemplate('{Empty}')]]),
          missingSlugPolicy: 'empty',
        },
      },
    ],
  ])('answers %s', (reason, changes, settingsChanges) => {
    expect(reasonOf(changes, settingsChanges)).toBe(reason);
  });

  it('names the missing slugs', () => {
    expect(plan([contact({ contextItems: {} })])[0]).toMatchObject({
      specifics: expect.stringMatching(/customername/i),
    });
  });

  it('skips a repeated address however it is written', () => {
    const outcomes = plan([contact(), contact({ toContactId: '+1 (425) 555-0123' })]);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['accepted', 'skipped']);
  });

  it('does not count an address as repeated whose first contact could not be sent', () => {
    const outcomes = plan([contact({ contextItems: {} }), contact()]);
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['refused', 'accepted']);
  });

  it('lets one opt-out of an address weigh for the whole request', () => {
    const outcomes = plan([contact(), contact({ optin: false })]);
    expect(outcomes.map((outcome) => outcome.kind === 'skipped' && outcome.reason)).toEqual(['OPTED_OUT', 'OPTED_OUT']);
  });

  it('warns when a timeline entry is asked for and the contact links no record', () => {
    expect(plan([contact()], { showInTimeline: true })[0]).toMatchObject({ warnings: ['TIMELINE_NOT_LINKED'] });
    const linked = { entityrelationshipname: 'incident', regardingobjectid: '5f0c', CustomerName: 'Ana' };
    expect(plan([contact({ contextItems: linked })], { showInTimeline: true })[0]).toMatchObject({ warnings: [] });
    expect(plan([contact({ showInTimeline: false })], { showInTimeline: true })[0]).toMatchObject({ warnings: [] });
  });

  it('gives every contact exactly one outcome, in order, and an id to each that becomes a row', () => {
    const arbitrary = fc.record({
      toContactId: fc.constantFrom('+14255550123', '+14255550124', 'nonsense', ''),
      optin: fc.constantFrom(true, false, undefined),
      channelId: fc.constantFrom('', 'SMS', 'sms', 'Twitter', 'Pigeon'),
      contextItems: fc.constantFrom({ CustomerName: 'Ana' }, {}, { CustomerName: 'A', CUSTOMERNAME: 'B' }),
    });
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 100 }), (changes) => {
        const outcomes = plan(changes.map((change) => contact(change as Partial<Contact>)));
        expect(outcomes.map((outcome) => outcome.index)).toEqual(changes.map((_, index) => index));
        const rows = outcomes.flatMap((outcome) => (outcome.kind === 'refused' ? [] : [outcome.messageId]));
        expect(new Set(rows).size).toBe(rows.length);
        const addresses = outcomes.flatMap((outcome) => (outcome.kind === 'accepted' ? [outcome.address] : []));
        expect(new Set(addresses).size).toBe(addresses.length);
      }),
    );
  });
});
