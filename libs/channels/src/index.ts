export type {
  AccountAccess,
  ChannelAdapter,
  Finding,
  IncomingWebhook,
  LookUp,
  OutgoingMessage,
  SendOutcome,
  SoughtMessage,
  StatusReport,
  Validation,
} from './channel-adapter';
export { rankOfStatus, rankOfTaken } from './ranks';
export { mayPass, messageReasonOf } from './twilio-sms/error-codes';
export { parseStatus } from './twilio-sms/parse-status';
export { twilioSms } from './twilio-sms/twilio-sms';
export { isSignedByTwilio } from './twilio-sms/verify';
