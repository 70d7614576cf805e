/** What a caller should know about a contact whose message is sent all the same. */
export const WARNINGS = {
  LANGUAGE_FELL_BACK: { text: 'There is no text in the language asked for; another one was sent. Add the language.' },
  TIMELINE_NOT_LINKED: { text: 'The message appears on no timeline. Give the entity or customer it belongs to.' },
} as const;

/** The name of a warning. */
export type WarningReason = keyof typeof WARNINGS;
