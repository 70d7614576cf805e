import fc from 'fast-check';
import { canonicalLanguage, chooseLanguage } from './languages';
import { lcidToBcp47 } from './lcid';

describe('canonicalLanguage', () => {
  it.each([
    ['es-es', 'es-ES'],
    ['zh_tw', 'zh-TW'],
    ['EN', 'en'],
    ['sr-cyrl-rs', 'sr-Cyrl-RS'],
    ['en-US-u-ca-buddhist', 'en-US'],
    ['1033', 'en-US'],
    [' 3082 ', 'es-ES'],
    ['9', 'en'],
  ])('spells %j %s', (written, language) => {
    expect(canonicalLanguage(written)).toBe(language);
  });

  it.each(['', 'x', 'english', 'english please', 'und', '99999', '-1', 'en--US', `en-${'abcde-'.repeat(20)}US`])(
    'does not know %j',
    (written) => {
      expect(canonicalLanguage(written)).toBeUndefined();
    },
  );
});

describe('chooseLanguage', () => {
  const available = ['en-US', 'es-ES', 'es-MX', 'pt-BR', 'zh-CN', 'sr-Latn-RS', 'fr'];
  const choose = (locale: string) => chooseLanguage(locale, available, 'en-US');

  it.each([
    ['es-ES', 'es-ES'],
    ['3082', 'es-ES'],
    ['es-AR', 'es-MX'],
    ['en-GB', 'en-US'],
    ['fr-CA', 'fr'],
    ['pt', 'pt-BR'],
    ['zh-SG', 'zh-CN'],
  ])('gives %s the text in %s', (locale, language) => {
    expect(choose(locale)).toEqual({ language, fellBack: false });
  });

  it.each(['de-DE', 'zh-TW', '1028', 'sr-Cyrl-RS', 'not a locale', '777777'])(
    'falls back for %s, and says so',
    (locale) => {
      expect(choose(locale)).toEqual({ language: 'en-US', fellBack: true });
    },
  );

  it('takes the default where no locale was given, which is no falling back', () => {
    expect(choose('')).toEqual({ language: 'en-US', fellBack: false });
  });

  it('chooses the same again', () => {
    expect(
      [choose('es-AR'), choose('de-DE'), choose('es-AR'), choose('de-DE')].map(({ language }) => language),
    ).toEqual(['es-MX', 'en-US', 'es-MX', 'en-US']);
  });

  it('takes the one Norwegian for the other name of it, and Nynorsk for neither', () => {
    expect(chooseLanguage('nb-NO', ['en', 'no'], 'en')).toEqual({ language: 'no', fellBack: false });
    expect(chooseLanguage('20', ['en', 'nb-NO'], 'en')).toEqual({ language: 'nb-NO', fellBack: false });
    expect(chooseLanguage('nn-NO', ['en', 'no'], 'en')).toEqual({ language: 'en', fellBack: true });
  });

  it('answers with a text of the template in a script the contact reads, or with the default and says so', () => {
    const tags = [
      'en-US',
      'en-GB',
      'es-419',
      'zh-Hans',
      'zh-HK',
      'sr-Latn',
      'sr-Cyrl',
      'pt-PT',
      'uz-Cyrl',
      'pa',
      'fr-CA',
    ];
    const locales = fc.oneof(
      fc.constantFrom(...tags, 'zh-TW', 'zh', 'sr-ME', 'uz', 'pa-PK', 'de', '1028', 'x'),
      fc.string(),
    );
    fc.assert(
      fc.property(locales, fc.uniqueArray(fc.constantFrom(...tags), { minLength: 1 }), (locale, available) => {
        const defaultLanguage = available[0] ?? '';
        const { language, fellBack } = chooseLanguage(locale, available, defaultLanguage);
        const wanted = canonicalLanguage(locale);
        expect(available).toContain(language);
        if (wanted !== undefined && available.includes(wanted))
          expect({ language, fellBack }).toEqual({ language: wanted, fellBack: false });
        if (fellBack || wanted === undefined) expect(language).toBe(defaultLanguage);
        else expect(readerOf(language)).toEqual(readerOf(wanted));
        if (wanted === undefined) expect(fellBack).toBe(locale.trim() !== '');
      }),
    );
  });
});

const readerOf = (tag: string) => {
  const { language, script } = new Intl.Locale(tag).maximize();
  return { language, script };
};

describe('lcidToBcp47', () => {
  it('knows identifiers by canonical tags alone, and at least two hundred of them', () => {
    const known = Array.from({ length: 0x10000 }, (_, identifier) => lcidToBcp47(identifier)).filter(
      (tag) => tag !== undefined,
    );
    expect(known.filter((tag) => canonicalLanguage(tag) !== tag)).toEqual([]);
    expect(known.length).toBeGreaterThan(200);
  });

  it.each([
    [1033, 'en-US'],
    [1028, 'zh-TW'],
    [2052, 'zh-CN'],
    [3082, 'es-ES'],
    [31748, 'zh-Hant'],
    [0, undefined],
    [1.5, undefined],
  ])('reads %j as %s', (identifier, language) => {
    expect(lcidToBcp47(identifier)).toBe(language);
  });
});
