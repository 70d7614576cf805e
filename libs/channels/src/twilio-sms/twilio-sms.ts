import type { ChannelAdapter } from '../channel-adapter';
import type { HttpSettings } from '../exchange';
import { twilioHttp } from './http';
import { findMessages, lookUpMessage } from './look-up';
import { sendMessage } from './send';
import { validateAccount, validateSender } from './validate';

/** SMS by Twilio, or by a server that answers as Twilio does. */
export function twilioSms(settings?: HttpSettings): ChannelAdapter {
  const http = twilioHttp(settings);
  return {
    send: (message, access, mayLeave) => sendMessage(http, message, access, mayLeave),
    lookUp: (providerId, access, signal) => lookUpMessage(http, { providerId, access }, signal),
    find: (sought, access, signal) => findMessages(http, { sought, access }, signal),
    validateAccount: (access, signal) => validateAccount(http, access, signal),
    validateSender: (sender, access, signal) => validateSender(http, { sender, access }, signal),
    close: () => http.close(),
  };
}
