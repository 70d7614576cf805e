/** What can be wrong with one field of a request; it stands in `reason` of a field violation. */
export const FIELD_REASONS = {
  FIELD_CONFLICT: { text: 'It contradicts another field. Give one of the two.' },
  FIELD_EMPTY: { text: 'It has nothing in it. Fill it or leave it out.' },
  FIELD_IMMUTABLE: { text: 'It cannot be changed once set. Create another resource instead.' },
  FIELD_MALFORMED: { text: 'It does not have the form described. Correct its form.' },
  FIELD_NOT_ALLOWED: { text: 'It may not be set here. Leave it out.' },
  FIELD_OUT_OF_RANGE: { text: 'It is below or above its bounds. Choose a value within them.' },
  FIELD_REQUIRED: { text: 'It is missing. Give it.' },
  FIELD_TOO_LONG: { text: 'It has more characters than allowed. Shorten it.' },
  FIELD_TOO_MANY: { text: 'It has more entries than allowed. Leave some out.' },
  FIELD_UNKNOWN_VALUE: { text: 'It is none of the values known. Choose one of those.' },
  LANGUAGE_DUPLICATE: { text: 'Two texts are for the same language. Leave one.' },
  LANGUAGE_INVALID: { text: 'It is neither a BCP 47 tag nor an LCID. Correct it.' },
  SLUG_INVALID: { text: 'A slug is not well formed. Correct it at the position named.' },
  SLUG_UNKNOWN: { text: 'A slug has a name its place does not know. Use a known name.' },
  URL_NOT_ALLOWED: { text: 'The URL is not one Herald may call. Use https, or http to the machine itself.' },
} as const;

/** The name of what can be wrong with one field. */
export type FieldReason = keyof typeof FIELD_REASONS;
