import { checkDraft } from './check-draft';
import { nameKey, type GivenDraft } from './draft';

const given = (changes: Partial<GivenDraft> = {}): GivenDraft => ({
  name: 'Reminder',
  channelType: 'SMS',
  defaultLanguage: 'en-US',
  texts: [{ language: 'en-US', text: 'Hello' }],
  missingSlugPolicy: 'UNSPECIFIED',
  contentSid: '',
  ...changes,
});

const faults = (changes: Partial<GivenDraft>) => {
  const checked = checkDraft(given(changes));
  return checked.kind === 'valid' ? [] : checked.violations.map(({ field, reason }) => `${field} ${reason}`);
};

describe('checkDraft', () => {
  it('brings a draft into the form it is stored in', () => {
    const texts = [{ language: '3082', text: ' Hola ' }];
    expect(checkDraft(given({ name: ' Reminder\t', defaultLanguage: 'EN-us', texts }))).toEqual({
      kind: 'valid',
      draft: {
        name: 'Reminder',
        channelType: 'SMS',
        defaultLanguage: 'en-US',
        texts: [{ language: 'es-ES', text: ' Hola ' }],
        missingSlugPolicy: 'STRICT',
        contentSid: '',
      },
    });
  });

  it('checks what it made of a draft to the same draft', () => {
    const checked = checkDraft(given({ defaultLanguage: '1033', texts: [{ language: 'ZH-hant-tw', text: '您好' }] }));
    expect(checked.kind === 'valid' && checkDraft(checked.draft)).toEqual(checked);
  });

  it.each<[string, Partial<GivenDraft>]>([
    ['template.name FIELD_REQUIRED', { name: ' ' }],
    ['template.name FIELD_TOO_LONG', { name: 'x'.repeat(201) }],
    ['template.name FIELD_MALFORMED', { name: 'two\nlines' }],
    ['template.channel_type FIELD_REQUIRED', { channelType: 'UNSPECIFIED' }],
    ['template.channel_type FIELD_UNKNOWN_VALUE', { channelType: 'UNRECOGNIZED' }],
    ['template.default_language FIELD_REQUIRED', { defaultLanguage: '' }],
    ['template.default_language LANGUAGE_INVALID', { defaultLanguage: 'english please' }],
    ['template.localized_texts FIELD_TOO_MANY', { texts: Array(201).fill({ language: 'en', text: 'Hello' }) }],
    ['template.localized_texts[0].language LANGUAGE_INVALID', { texts: [{ language: '', text: 'Hello' }] }],
    ['template.localized_texts[0].text FIELD_EMPTY', { texts: [{ language: 'en', text: '\n' }] }],
    ['template.localized_texts[0].text FIELD_TOO_LONG', { texts: [{ language: 'en', text: 'x'.repeat(1601) }] }],
    ['template.localized_texts[0].text FIELD_MALFORMED', { texts: [{ language: 'en', text: 'a\0' }] }],
    ['template.missing_slug_policy FIELD_UNKNOWN_VALUE', { missingSlugPolicy: 'UNRECOGNIZED' }],
    ['template.content_sid FIELD_NOT_ALLOWED', { contentSid: `HX${'a'.repeat(32)}` }],
    ['template.content_sid FIELD_MALFORMED', { channelType: 'WHATSAPP', contentSid: 'HX1' }],
  ])('refuses %s', (fault, changes) => {
    expect(faults(changes)).toEqual([fault]);
  });

  it('refuses a language that occurs twice however it is written', () => {
    const texts = ['es-ES', 'de', '3082', 'ES-es'].map((language) => ({ language, text: 'Hola' }));
    expect(faults({ texts })).toEqual([
      'template.localized_texts[2].language LANGUAGE_DUPLICATE',
      'template.localized_texts[3].language LANGUAGE_DUPLICATE',
    ]);
  });

  it('takes a text of 1,600 characters and 200 texts', () => {
    expect(faults({ texts: [{ language: 'en', text: 'x'.repeat(1600) }] })).toEqual([]);
    const letters = [...'abcdefghijklmnopqrst'];
    const languages = letters.flatMap((one) => letters.slice(0, 10).map((other) => `q${one}${other}`));
    expect(faults({ texts: languages.map((language) => ({ language, text: 'Hello' })) })).toEqual([]);
  });

  it('takes the content of a WhatsApp template', () => {
    expect(faults({ channelType: 'WHATSAPP', contentSid: `HX${'a'.repeat(32)}` })).toEqual([]);
  });
});

describe('nameKey', () => {
  it('is one for names that differ in case or composition alone', () => {
    expect(nameKey('RÉSUMÉ')).toBe(nameKey('re\u0301sume\u0301'));
    expect(nameKey('Reminder')).not.toBe(nameKey('Reminder 2'));
  });
});
