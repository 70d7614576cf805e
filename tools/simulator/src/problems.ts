/** The refusals of Twilio that the simulator knows: number → HTTP status and text. `{}` stands for the value at fault. */
export const PROBLEMS = {
  20001: { status: 400, text: 'Invalid parameter: {}' },
  20003: { status: 401, text: 'Authenticate' },
  20004: { status: 405, text: 'Method not allowed' },
  20009: { status: 409, text: 'Cannot {} because delivery has not been completed.' },
  20404: { status: 404, text: 'The requested resource {} was not found' },
  20429: { status: 429, text: 'Too Many Requests' },
  20500: { status: 500, text: 'Internal Server Error' },
  21211: { status: 400, text: "Invalid 'To' Phone Number: {}" },
  21212: {
    status: 400,
    text: "The 'From' number {} is not a valid phone number, shortcode, or alphanumeric sender ID.",
  },
  21408: {
    status: 400,
    text: "Permission to send an SMS or MMS has not been enabled for the region indicated by the 'To' number: {}",
  },
  21602: { status: 400, text: 'Message body is required.' },
  21603: { status: 400, text: "A 'From' phone number is required." },
  21604: { status: 400, text: "A 'To' phone number is required." },
  21606: {
    status: 400,
    text: "The 'From' phone number provided ({}) is not a valid message-capable Twilio phone number for this destination.",
  },
  21609: { status: 400, text: "The 'StatusCallback' URL {} is not a valid URL." },
  21610: { status: 400, text: 'Attempt to send to unsubscribed recipient' },
  21611: { status: 400, text: "This 'From' number has exceeded the maximum number of queued messages" },
  21612: {
    status: 400,
    text: "Message cannot be sent with the current combination of 'To' ({}) and/or 'From' parameters",
  },
  21614: { status: 400, text: "'To' number is not a valid mobile number: {}" },
  21617: { status: 400, text: 'The concatenated message body exceeds the 1600 character limit' },
  21620: { status: 400, text: 'Invalid media URL(s): {}' },
  21623: { status: 400, text: 'Number of media files exceeds allowed limit' },
  21701: { status: 400, text: 'The Messaging Service does not exist: {}' },
  21712: { status: 400, text: "The 'From' number {} is not associated with the Messaging Service" },
  21910: { status: 400, text: "Invalid 'From' and 'To' pair: both must be of the same channel" },
  30012: { status: 400, text: 'TTL is too small: {}' },
  30409: { status: 409, text: 'Message is not in a cancelable state' },
  35114: {
    status: 400,
    text: 'SendAt must be a time between 900 seconds and 35 days from now, with ScheduleType=fixed',
  },
} as const satisfies Record<number, { status: number; text: string }>;

/** The number of a refusal. */
export type ProblemCode = keyof typeof PROBLEMS;

/** One refusal: its number and the value at fault. */
export interface Problem {
  code: ProblemCode;
  value: string;
}

/** Makes a refusal. */
export function problem(code: ProblemCode, value = ''): Problem {
  return { code, value };
}

/** The refusal in the shape in which Twilio answers it. */
export function problemBody({ code, value }: Problem): { status: number; body: string } {
  const { status, text } = PROBLEMS[code];
  const message = text.replace('{}', () => value);
  return {
    status,
    body: JSON.stringify({ code, message, more_info: `https://www.twilio.com/docs/errors/${code}`, status }),
  };
}
