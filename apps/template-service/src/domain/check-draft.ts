import type { FieldReason, FieldViolation } from '@herald/errors';
import { canonicalLanguage, TEXT_LENGTH_MAX } from '@herald/rendering';
import type { Draft, GivenDraft, LocalizedText } from './draft';

const NAME_LENGTH_MAX = 200;
const TEXTS_MAX = 200;
/** Twilio's ids of content: https://www.twilio.com/docs/content/content-api-resources */
const CONTENT_SID = /^HX[0-9a-f]{32}$/i;
const CONTROL_CHARACTER = /\p{Cc}/u;

/** A draft fit to be stored, or everything that is wrong with it. */
export type CheckedDraft =
  { kind: 'valid'; draft: Draft } | { kind: 'invalid'; violations: [FieldViolation, ...FieldViolation[]] };

type Report = (field: string, reason: FieldReason, description: string) => void;

/**
 * Checks what a caller wrote, field by field, and brings languages into the form they are stored in.
 *
 * A draft may be unfinished: whether it has a text in its default language, and whether its slugs are well formed, is
 * asked when it is published (see `checkForPublish`).
 */
export function checkDraft(given: GivenDraft): CheckedDraft {
  const violations: FieldViolation[] = [];
  const report: Report = (field, reason, description) =>
    violations.push({ field: `template.${field}`, reason, description });

  const name = checkName(given.name, report);
  const channelType = checkChannelType(given.channelType, report);
  const defaultLanguage = checkDefaultLanguage(given.defaultLanguage, report);
  const texts = checkTexts(given.texts, report);
  const missingSlugPolicy = checkPolicy(given.missingSlugPolicy, report);
  checkContentSid(given, report);

  const [first, ...rest] = violations;
  if (first) return { kind: 'invalid', violations: [first, ...rest] };
  const draft = { name, channelType, defaultLanguage, texts, missingSlugPolicy, contentSid: given.contentSid };
  return { kind: 'valid', draft };
}

function checkName(given: string, report: Report): string {
  const name = given.trim();
  if (name === '') report('name', 'FIELD_REQUIRED', 'must have 1 to 200 characters');
  if (name.length > NAME_LENGTH_MAX) {
    report('name', 'FIELD_TOO_LONG', `has ${name.length} characters; at most ${NAME_LENGTH_MAX} are allowed`);
  }
  if (CONTROL_CHARACTER.test(name)) report('name', 'FIELD_MALFORMED', 'must be one line without control characters');
  return name;
}

function checkChannelType(given: GivenDraft['channelType'], report: Report): Draft['channelType'] {
  if (given === 'UNSPECIFIED')
    report('channel_type', 'FIELD_REQUIRED', 'must be the kind of channel it is written for');
  else if (given === 'UNRECOGNIZED')
    report('channel_type', 'FIELD_UNKNOWN_VALUE', 'must be SMS, WHATSAPP or X_DIRECT_MESSAGE');
  else return given;
  return 'SMS';
}

function checkPolicy(given: GivenDraft['missingSlugPolicy'], report: Report): Draft['missingSlugPolicy'] {
  if (given === 'UNRECOGNIZED') report('missing_slug_policy', 'FIELD_UNKNOWN_VALUE', 'must be STRICT or EMPTY');
  return given === 'EMPTY' ? 'EMPTY' : 'STRICT';
}

function checkDefaultLanguage(given: string, report: Report): string {
  const language = canonicalLanguage(given);
  if (language !== undefined) return language;
  if (given === '') report('default_language', 'FIELD_REQUIRED', 'must be a BCP-47 tag such as "en-US"');
  else
    report('default_language', 'LANGUAGE_INVALID', 'must be a BCP-47 tag such as "en-US", or an LCID such as "1033"');
  return '';
}

function checkTexts(given: readonly LocalizedText[], report: Report): LocalizedText[] {
  if (given.length > TEXTS_MAX) {
    report('localized_texts', 'FIELD_TOO_MANY', `has ${given.length} texts; at most ${TEXTS_MAX} are allowed`);
    return [];
  }
  const firstOf = new Map<string, number>();
  return given.map(({ language: written, text }, index) => {
    const place = `localized_texts[${index}]`;
    const language = canonicalLanguage(written);
    if (language === undefined) {
      report(
        `${place}.language`,
        'LANGUAGE_INVALID',
        'must be a BCP-47 tag such as "es-ES", or an LCID such as "3082"',
      );
    } else if (firstOf.has(language)) {
      const first = `localized_texts[${firstOf.get(language)}]`;
      report(`${place}.language`, 'LANGUAGE_DUPLICATE', `is ${language}, as is that of ${first}`);
    } else {
      firstOf.set(language, index);
    }
    checkText(`${place}.text`, text, report);
    return { language: language ?? '', text };
  });
}

function checkText(field: string, text: string, report: Report): void {
  if (text.trim() === '') report(field, 'FIELD_EMPTY', `must have 1 to ${TEXT_LENGTH_MAX} characters`);
  if (text.length > TEXT_LENGTH_MAX) {
    report(field, 'FIELD_TOO_LONG', `has ${text.length} characters; at most ${TEXT_LENGTH_MAX} are allowed`);
  }
  // PostgreSQL stores no NUL, and no channel sends one.
  if (text.includes('\0')) report(field, 'FIELD_MALFORMED', 'must not contain the character NUL');
}

function checkContentSid({ contentSid, channelType }: GivenDraft, report: Report): void {
  if (contentSid === '') return;
  if (channelType !== 'WHATSAPP') report('content_sid', 'FIELD_NOT_ALLOWED', 'is for WhatsApp templates only');
  else if (!CONTENT_SID.test(contentSid))
    report('content_sid', 'FIELD_MALFORMED', 'must be HX and 32 hexadecimal digits');
}
