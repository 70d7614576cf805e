import { randomUUID } from 'node:crypto';
import { DeliveryGuarantee, Purpose } from '@herald/contracts/configuration';
import { Contact, type ContactResult, type SendOutboundMessagesRequest } from '@herald/contracts/dispatch';

/** A contact that can be sent to, with changes. */
export function contactOf(changes: Partial<Contact> = {}): Contact {
  return Contact.fromPartial({
    toContactId: '+14255550123',
    optin: true,
    locale: 'en-US',
    contextItems: { CustomerName: 'Ana', OrderNumber: 'A-1', DeliveryDate: '1/12' },
    ...changes,
  });
}

/** A request to send, with a new id. */
export function requestOf(
  outboundConfigurationId: string,
  contacts: Contact[],
  changes: Partial<SendOutboundMessagesRequest> = {},
): SendOutboundMessagesRequest {
  return {
    requestId: randomUUID(),
    outboundConfigurationId,
    contacts,
    deliveryGuarantee: DeliveryGuarantee.UNSPECIFIED,
    purpose: Purpose.UNSPECIFIED,
    validFor: undefined,
    readyTime: undefined,
    ...changes,
  };
}

/** The message of a contact that was accepted. */
export function messageIdOf(result: ContactResult | undefined): string {
  if (result?.outcome?.$case !== 'accepted') throw new Error('the contact was not accepted');
  return result.outcome.value.messageId;
}
