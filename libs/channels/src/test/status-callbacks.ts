const MESSAGE = `SM${'0'.repeat(31)}1`;
const ACCOUNT = `AC${'0'.repeat(32)}`;
const SERVICE = `MG${'0'.repeat(32)}`;
const ENDS = `MessageSid=${MESSAGE}&AccountSid=${ACCOUNT}&From=%2B15005550006&ApiVersion=2010-04-01`;

/** Bodies of status callbacks as Twilio sends them, with the parameters in its order and with values of ours. */
export const STATUS_CALLBACKS = {
  queued: `SmsSid=${MESSAGE}&SmsStatus=queued&MessageStatus=queued&To=%2B14255550123&${ENDS}`,
  sent: `SmsSid=${MESSAGE}&SmsStatus=sent&MessageStatus=sent&To=%2B14255550123&${ENDS}`,
  delivered: `RawDlrDoneDate=2611241205&SmsSid=${MESSAGE}&SmsStatus=delivered&MessageStatus=delivered&To=%2B14255550123&${ENDS}`,
  undelivered: `ErrorCode=30007&SmsSid=${MESSAGE}&SmsStatus=undelivered&MessageStatus=undelivered&To=%2B14255550123&${ENDS}`,
  failed: `ErrorCode=30001&ErrorMessage=Queue+overflow&SmsSid=${MESSAGE}&SmsStatus=failed&MessageStatus=failed&To=%2B14255550123&${ENDS}`,
  ofService: `SmsSid=${MESSAGE}&SmsStatus=sending&MessageStatus=sending&To=%2B14255550123&MessagingServiceSid=${SERVICE}&${ENDS}`,
  readOnWhatsApp:
    `ChannelPrefix=whatsapp&EventType=READ&ChannelToAddress=%2B1425555XXXX&StructuredMessage=false&SmsSid=${MESSAGE}` +
    `&SmsStatus=read&MessageStatus=read&To=whatsapp%3A%2B14255550123&${ENDS}`,
  ofTomorrow: `Mood=fair+%26+mild&%C3%89tage=3&SmsSid=${MESSAGE}&SmsStatus=pondered&MessageStatus=pondered&Tags=a&Tags=b&Empty=&${ENDS}`,
} as const;

/** The body of an inbound message, which comes to another URL: it has an id and a status as well. */
export const INBOUND_MESSAGE = `SmsMessageSid=${MESSAGE}&NumMedia=0&SmsSid=${MESSAGE}&SmsStatus=received&Body=STOP&NumSegments=1&${ENDS}`;

/** What the callbacks are about. */
export const SUBJECT = { accountId: ACCOUNT, providerId: MESSAGE } as const;
