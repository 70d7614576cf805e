import { compileDraft } from './compile-draft';
import type { Draft } from './draft';

const draft = (texts: Draft['texts'], changes: Partial<Draft> = {}): Draft => ({
  name: 'Reminder',
  channelType: 'SMS',
  defaultLanguage: 'en',
  texts,
  missingSlugPolicy: 'STRICT',
  contentSid: '',
  ...changes,
});

const faults = (given: Draft) => {
  const compiled = compileDraft(given);
  return compiled.kind === 'compiled' ? [] : compiled.violations.map(({ field, reason }) => `${field} ${reason}`);
};

describe('compileDraft', () => {
  it('collects the slugs of all texts without repeats, in the spelling of their first use', () => {
    const texts = [
      { language: 'en', text: 'Hello {CustomerName}, {CaseName}. {customername}?' },
      { language: 'de', text: 'Hallo {CUSTOMERNAME}, {casename} {Datum}' },
    ];
    expect(compileDraft(draft(texts))).toEqual({ kind: 'compiled', slugs: ['CustomerName', 'CaseName', 'Datum'] });
  });

  it('takes the slugs of customers and agents, however they are spaced', () => {
    const texts = [
      { language: 'en', text: '{FullName{Customer}} {firstname{agent}}' },
      { language: 'de', text: '{fullname {Customer}} {Datum} {FirstName{ Agent }}' },
    ];
    const slugs = ['FullName{Customer}', 'firstname{agent}', 'Datum'];
    expect(compileDraft(draft(texts))).toEqual({ kind: 'compiled', slugs });
  });

  it('lists all faults of all texts, naming language and position', () => {
    const given = draft([
      { language: 'de', text: 'Hallo {' },
      { language: 'fr', text: 'Bonjour' },
      { language: 'es', text: '' },
    ]);
    expect(faults(given)).toEqual([
      'template.localized_texts[2].text FIELD_EMPTY',
      'template.localized_texts FIELD_REQUIRED',
      'template.localized_texts[0].text SLUG_INVALID',
    ]);
    const compiled = compileDraft(given);
    expect(compiled.kind === 'invalid' && compiled.violations.at(-1)?.description).toMatch(/\bde\b.*\b7\b/);
  });
});
