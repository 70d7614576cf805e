/** Whether a contact could not be sent to as given, or was withheld by a rule though it could. */
type ContactOutcome = 'refused' | 'skipped';

/** Why one contact of a request gets no message; the others of the request get theirs. */
export const CONTACT_REASONS = {
  ADDRESS_INVALID: refused('The address is not one this channel can reach. Correct it.'),
  ADDRESS_MISSING: refused('There is no address. Give to_contact_id.'),
  CASE_NAME_MISSING: refused('The template needs the case name. Give case_name.'),
  CHANNEL_MISMATCH: refused(
    'The channel is of another type than the configuration. Leave channel_id out or correct it.',
  ),
  CHANNEL_UNKNOWN: refused('The organisation has no such channel. Correct channel_id or leave it out.'),
  CONTEXT_ITEM_CONFLICT: refused('A context item contradicts a field of the contact. Give one of the two.'),
  CUSTOMER_NAME_MISSING: refused('The template needs the name of the customer. Give customer_name.'),
  OPTED_OUT: skipped('The person has not agreed to be written to, or has withdrawn. Nothing is to be done.'),
  OPTIN_MISSING: refused('It is not said whether the person agreed. Give optin.'),
  REPEATED_ADDRESS: skipped('An earlier contact of the request has the same address. That one gets the message.'),
  SLUG_MISSING: refused('The template needs values that were not given. Give a context item for each slug named.'),
  TEXT_EMPTY: refused('Nothing is left of the text when rendered. Check the values and the template.'),
  TEXT_TOO_LONG: refused('The text is over 1600 characters when rendered. Shorten the values or the template.'),
} as const;

/** The name of why a contact gets no message. */
export type ContactReason = keyof typeof CONTACT_REASONS;

function refused(text: string) {
  return { outcome: 'refused' as const satisfies ContactOutcome, text };
}

function skipped(text: string) {
  return { outcome: 'skipped' as const satisfies ContactOutcome, text };
}
