import { match } from '@formatjs/intl-localematcher';
import { lcidToBcp47 } from './lcid';

/** The language a text is sent in. `fellBack` tells that another one was asked for. */
export interface LanguageChoice {
  readonly language: string;
  readonly fellBack: boolean;
}

/** No tag in use comes near it (RFC 5646 §4.4.1 asks for room for 35), and what is longer is not kept. */
const LOCALE_LENGTH_MAX = 64;
/** The subtags of languages that exist. Longer ones are reserved, and `english` is a mistake rather than a language. */
const LANGUAGE_SUBTAG = /^(?!und$)[a-z]{2,3}$/;

/**
 * A language in its one spelling, from a BCP 47 tag (`es-es`, `zh_TW`) or an LCID (`3082`); undefined when it is
 * neither. Extensions and private parts are left out: they name no other language.
 */
export function canonicalLanguage(written: string): string | undefined {
  const text = written.trim();
  if (text.length > LOCALE_LENGTH_MAX) return undefined;
  if (/^\d+$/.test(text)) return lcidToBcp47(Number(text));
  const tag = readTag(text.replaceAll('_', '-'));
  return tag && LANGUAGE_SUBTAG.test(tag.language) ? tag.baseName : undefined;
}

function readTag(text: string): Intl.Locale | undefined {
  try {
    return new Intl.Locale(text);
  } catch {
    // Intl.Locale throws for exactly one reason: the tag is not well formed.
    return undefined;
  }
}

/**
 * Chooses among the languages of a template the best for a locale: the same, or one of the same language and script
 * whose readers understand each other best (es-AR gets es-MX before es-ES). A text in another script is no match:
 * readers of zh-TW get the default language rather than simplified Chinese. Without a locale the default is what was
 * meant.
 */
export function chooseLanguage(locale: string, available: readonly string[], defaultLanguage: string): LanguageChoice {
  // What is kept has a bound in bytes too.
  if (locale.length > LOCALE_LENGTH_MAX) return choose(locale, available, defaultLanguage);
  const key = `${locale}|${defaultLanguage}|${available.join('|')}`;
  const known = choices.get(key);
  if (known) return known;
  const choice = choose(locale, available, defaultLanguage);
  if (choices.size >= CHOICES_MAX) choices.clear();
  choices.set(key, choice);
  return choice;
}

/** Reading a tag takes 4 µs and matching a millisecond, and the contacts of a list share few locales: what was chosen is kept. */
const choices = new Map<string, LanguageChoice>();
const CHOICES_MAX = 2_000;

function choose(locale: string, available: readonly string[], defaultLanguage: string): LanguageChoice {
  if (locale.trim() === '') return { language: defaultLanguage, fellBack: false };
  const wanted = canonicalLanguage(locale);
  if (wanted === undefined) return { language: defaultLanguage, fellBack: true };
  const best = available.includes(wanted) ? wanted : bestMatch(wanted, available);
  return best === null ? { language: defaultLanguage, fellBack: true } : { language: best, fellBack: false };
}

function bestMatch(wanted: string, available: readonly string[]): string | null {
  const reader = readerOf(wanted);
  const readable = available.filter((tag) => readerOf(tag) === reader);
  const [first] = readable;
  return first === undefined ? null : match([wanted], readable, first, { algorithm: 'best fit' });
}

/** Who reads a tag: the language and the script, the likely one where none is written. `no` is Bokmål in practice. */
function readerOf(tag: string): string {
  const { language, script } = new Intl.Locale(tag).maximize();
  return `${language === 'no' ? 'nb' : language}-${script}`;
}
