import type { ProviderCallback } from '@herald/contracts/event';
import { Provider } from '@herald/contracts/type';
import type { StoredRequest } from './ledger';

/** A callback about a message of a request, as the gateway publishes it. */
export function callbackOf(
  request: StoredRequest,
  index: number,
  status: string,
  changes: Partial<ProviderCallback> = {},
): ProviderCallback {
  return {
    orgId: request.org,
    channelAccountId: request.channelAccountId,
    provider: Provider.TWILIO,
    messageId: request.messageIds[index] ?? '',
    attempt: 1,
    providerMessageId: `SM${request.messageIds[index]?.replaceAll('-', '')}`,
    providerStatus: status,
    providerErrorCode: '',
    receiveTime: new Date(),
    traceparent: '',
    ...changes,
  };
}
