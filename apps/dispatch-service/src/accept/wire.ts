import {
  type Contact as WireContact,
  type ContactResult,
  SendOutboundMessagesRequest,
  SendOutboundMessagesResponse,
} from '@herald/contracts/dispatch';
import { DeliveryGuarantee, Purpose } from '@herald/contracts/configuration';
import { CONTACT_REASONS, HeraldError, invalidFields, WARNINGS, type FieldViolation } from '@herald/errors';
import type { Caller } from '@herald/grpc';
import { repeatable } from '@herald/postgres';
import { validate as isUuid } from 'uuid';
import { countsAtAcceptance } from '../ledger-counts';
import type { Contact, PlannedContact } from './plan-contacts';
import type { Acceptance, SendCommand } from './send-outbound-messages';

const VALID_FOR_SECONDS_MIN = 1;
const VALID_FOR_SECONDS_MAX = 7 * 24 * 3600;
const READY_AHEAD_MS_MAX = 35 * 24 * 3_600_000;
const CONTEXT_ITEMS_MAX = 100;
const CLIENT_REFERENCE_LENGTH_MAX = 200;
/** No field of a contact is longer than any text it could go into. */
const CONTACT_FIELD_LENGTH_MAX = 2_000;

/**
 * Reads a request; throws NO_CONTACTS, or INVALID_FIELD with every violation at once. In a request that is part of a
 * stream violations name its contacts by their place in the stream, which begins at `offset`.
 */
export function readSendCommand(
  request: SendOutboundMessagesRequest,
  caller: Caller & { kind: 'user' },
  now: Date,
  offset = 0,
): SendCommand {
  const violations = [
    ...requestViolations(request, now),
    ...request.contacts.flatMap((contact, index) => contactViolations(contact, offset + index)),
  ];
  if (violations.length > 0) throw invalidFields(violations);
  if (request.contacts.length === 0) {
    const description = 'The request has no contacts. Name at least one.';
    throw new HeraldError('NO_CONTACTS', description, { violations: [{ field: 'contacts', description }] });
  }
  const { requestId } = request;
  return {
    ...repeatable({ org: caller.org, caller }, 'SendOutboundMessages', { requestId, content: contentOf(request) }),
    configurationId: request.outboundConfigurationId.toLowerCase(),
    contacts: request.contacts.map(readContact),
    deliveryGuarantee: readGuarantee(request.deliveryGuarantee),
    purpose: readPurpose(request.purpose),
    validForMs: request.validFor ? request.validFor.seconds * 1000 + request.validFor.nanos / 1e6 : undefined,
    readyAt: request.readyTime,
  };
}

function requestViolations(request: SendOutboundMessagesRequest, now: Date): FieldViolation[] {
  const violations: FieldViolation[] = [];
  if (!isUuid(request.requestId)) {
    const description = 'must be a UUID made by the caller, the same for a repeat of this request';
    violations.push({ field: 'request_id', reason: 'FIELD_MALFORMED', description });
  }
  violations.push(...overrideViolations(request));
  // Said so that a time beyond what a Date holds is refused too: it compares with nothing.
  if (request.readyTime && !(request.readyTime.getTime() <= now.getTime() + READY_AHEAD_MS_MAX)) {
    violations.push({
      field: 'ready_time',
      reason: 'FIELD_OUT_OF_RANGE',
      description: 'must be at most 35 days ahead',
    });
  }
  return violations;
}

/** What is wrong with the configuration's id and with what overrides the configuration. */
export function overrideViolations(
  request: Pick<SendOutboundMessagesRequest, 'outboundConfigurationId' | 'validFor' | 'deliveryGuarantee' | 'purpose'>,
): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const add = (field: string, reason: string, description: string) => violations.push({ field, reason, description });
  if (!isUuid(request.outboundConfigurationId)) {
    add(
      'outbound_configuration_id',
      'FIELD_MALFORMED',
      'must be a configuration ID: the UUID shown by GetOutboundConfiguration',
    );
  }
  const seconds = request.validFor && request.validFor.seconds + request.validFor.nanos / 1e9;
  if (seconds !== undefined && (seconds < VALID_FOR_SECONDS_MIN || seconds > VALID_FOR_SECONDS_MAX)) {
    add('valid_for', 'FIELD_OUT_OF_RANGE', 'must be from 1 second to 7 days');
  }
  if (request.deliveryGuarantee === DeliveryGuarantee.UNRECOGNIZED) {
    add('delivery_guarantee', 'FIELD_UNKNOWN_VALUE', 'must be AT_MOST_ONCE or AT_LEAST_ONCE');
  }
  if (request.purpose === Purpose.UNRECOGNIZED)
    add('purpose', 'FIELD_UNKNOWN_VALUE', 'must be TRANSACTIONAL or MARKETING');
  return violations;
}

/** What is out of bounds in a contact's form. It is a fault of the calling program, so that the whole request is refused. */
function contactViolations(contact: WireContact, index: number): FieldViolation[] {
  const violations: FieldViolation[] = [];
  const tooLong = (field: string, value: string, max: number) => {
    if (value.length <= max) return;
    const description = `has ${value.length} characters; at most ${max} are allowed`;
    violations.push({ field: `contacts[${index}].${field}`, reason: 'FIELD_TOO_LONG', description });
  };
  tooLong('to_contact_id', contact.toContactId, CONTACT_FIELD_LENGTH_MAX);
  tooLong('client_reference', contact.clientReference, CLIENT_REFERENCE_LENGTH_MAX);
  if (contact.clientReference.includes('\0')) {
    const description = 'has a zero character, which no database keeps as text';
    violations.push({ field: `contacts[${index}].client_reference`, reason: 'FIELD_MALFORMED', description });
  }
  tooLong('customer_name', contact.customerName, CONTACT_FIELD_LENGTH_MAX);
  tooLong('case_name', contact.caseName, CONTACT_FIELD_LENGTH_MAX);
  const items = Object.entries(contact.contextItems);
  if (items.length > CONTEXT_ITEMS_MAX) {
    const description = `has ${items.length} items; at most ${CONTEXT_ITEMS_MAX} are allowed`;
    violations.push({ field: `contacts[${index}].context_items`, reason: 'FIELD_TOO_MANY', description });
  }
  for (const [key, value] of items.slice(0, CONTEXT_ITEMS_MAX)) {
    tooLong('context_items', key.length > value.length ? key : value, CONTACT_FIELD_LENGTH_MAX);
  }
  return violations;
}

/**
 * What a repeat must have in common with the first call. It is the encoded form, in which a field that a later version
 * adds is absent unless somebody sets it, so that a repeat across a deployment is none of another content. Context items
 * are sorted, for a map has no order on the wire.
 */
function contentOf(request: SendOutboundMessagesRequest): Uint8Array {
  const contacts = request.contacts.map((contact) => {
    const items = Object.entries(contact.contextItems).sort(([a], [b]) => (a < b ? -1 : 1));
    return { ...contact, contextItems: Object.fromEntries(items) };
  });
  return SendOutboundMessagesRequest.encode({ ...request, requestId: '', contacts }).finish();
}

function readContact(contact: WireContact): Contact {
  const { toContactId, channelId, locale, contextItems, entityRelationshipName, regardingObjectId } = contact;
  const { customerName, caseName, clientReference, sendAsTemplate } = contact;
  return {
    ...{ toContactId, channelId, locale, contextItems, entityRelationshipName, regardingObjectId },
    ...{ customerName, caseName, clientReference, sendAsTemplate },
    optin: contact.optin,
    showInTimeline: contact.showInTimeline,
  };
}

function readGuarantee(value: DeliveryGuarantee): SendCommand['deliveryGuarantee'] {
  if (value === DeliveryGuarantee.AT_LEAST_ONCE) return 'AT_LEAST_ONCE';
  return value === DeliveryGuarantee.AT_MOST_ONCE ? 'AT_MOST_ONCE' : undefined;
}

function readPurpose(value: Purpose): SendCommand['purpose'] {
  if (value === Purpose.MARKETING) return 'MARKETING';
  return value === Purpose.TRANSACTIONAL ? 'TRANSACTIONAL' : undefined;
}

/** Encodes the answer as it is stored and given again to every repeat. */
export function encodeAcceptance({ request, planned }: Acceptance): Buffer {
  const response = SendOutboundMessagesResponse.encode({
    outboundRequest: {
      id: request.id,
      requestId: request.requestId,
      outboundConfigurationId: request.configurationId,
      templateId: request.templateId,
      templateVersion: request.templateVersion,
      channelId: request.channelId,
      caller: request.caller,
      counts: countsAtAcceptance(request.contacts, request.refusedByReason, planned),
      createTime: request.createdAt,
      expireTime: request.expiresAt,
      cancelTime: undefined,
      paused: false,
    },
    results: planned.map(writeResult),
  });
  return Buffer.from(response.finish());
}

function writeResult(contact: PlannedContact): ContactResult {
  return { index: contact.index, clientReference: contact.clientReference ?? '', outcome: outcomeOf(contact) };
}

function outcomeOf(contact: PlannedContact): NonNullable<ContactResult['outcome']> {
  switch (contact.kind) {
    case 'accepted': {
      const { messageId, language, segments, warnings } = contact;
      return {
        $case: 'accepted',
        value: {
          ...{ messageId, language, segments },
          languageFellBack: warnings.includes('LANGUAGE_FELL_BACK'),
          warnings: warnings.map((reason) => ({ reason, description: WARNINGS[reason].text })),
        },
      };
    }
    case 'refused': {
      const { reason, field, specifics } = contact;
      const description = specifics ? `${CONTACT_REASONS[reason].text} (${specifics})` : CONTACT_REASONS[reason].text;
      return { $case: 'refused', value: { reason, description, field } };
    }
    case 'skipped': {
      const { messageId, reason } = contact;
      return { $case: 'skipped', value: { messageId, reason, description: CONTACT_REASONS[reason].text } };
    }
  }
}
