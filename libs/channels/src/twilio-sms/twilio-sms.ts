import type { ChannelAdapter } from '../channel-adapter';
import type { Timeouts } from '../exchange';
import { twilioHttp } from './http';
import { sendMessage } from './send';
import { validateAccount, validateSender } from './validate';

/** SMS by Twilio, or by a server that answers as Twilio does. */
export function twilioSms(timeouts?: Timeouts): ChannelAdapter {
  const http = twilioHttp(timeouts);
  return {
    send: (message, access, mayLeave) => sendMessage(http, message, access, mayLeave),
    validateAccount: (access, signal) => validateAccount(http, access, signal),
    validateSender: (sender, access, signal) => validateSender(http, { sender, access }, signal),
    close: () => http.close(),
  };
}
