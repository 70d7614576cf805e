/** The form of Twilio's error numbers, which have five digits so far (https://www.twilio.com/docs/api/errors). */
const ERROR_CODE = /^\d{1,6}$/;

/** A person has to mend credentials; asking more often helps nobody. */
export const CREDENTIALS_RETRY_MS = 30_000;

/** The fields of an answer that may be anything. */
export function fieldsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? { ...body } : {};
}

/** The number by which Twilio says what is wrong; undefined where an answer has none, as one of a proxy in between. */
export function errorCodeOf(body: unknown): string | undefined {
  const { code } = fieldsOf(body);
  const text = typeof code === 'number' || typeof code === 'string' ? String(code) : '';
  return ERROR_CODE.test(text) ? text : undefined;
}
