import { SendReplyRequest } from '@herald/contracts/dispatch';
import { normalisePhone } from '@herald/addressing';
import { invalidFields, type FieldViolation } from '@herald/errors';
import { TEXT_LENGTH_MAX } from '@herald/rendering';
import { validate as isUuid } from 'uuid';

/** A reply, valid in form. */
export interface ReplyCommand {
  channelId: string;
  conversationId: string;
  /** In E.164. */
  toAddress: string;
  text: string;
}

/** Reads a reply to a phone number; throws INVALID_FIELD with every violation at once. */
export function readReply(request: SendReplyRequest): ReplyCommand {
  const { requestId, channelId, conversationId, text } = request;
  const violations: FieldViolation[] = [];
  const add = (field: string, reason: string, description: string) => violations.push({ field, reason, description });
  for (const [field, id] of Object.entries({
    request_id: requestId,
    channel_id: channelId,
    conversation_id: conversationId,
  })) {
    if (!isUuid(id)) add(field, 'FIELD_MALFORMED', 'must be a UUID');
  }
  const address = normalisePhone(request.toAddress);
  if (address.kind !== 'phone') add('to_address', 'FIELD_MALFORMED', 'must be a phone number with its country code');
  if (text.trim() === '') add('text', 'FIELD_REQUIRED', 'must have a character that can be seen');
  if (text.length > TEXT_LENGTH_MAX) add('text', 'FIELD_TOO_LONG', `must have at most ${TEXT_LENGTH_MAX} characters`);
  if (text.includes('\0')) add('text', 'FIELD_MALFORMED', 'has a zero character, which no database keeps as text');
  if (violations.length > 0 || address.kind !== 'phone') throw invalidFields(violations);
  const ids = { channelId: channelId.toLowerCase(), conversationId: conversationId.toLowerCase() };
  return { ...ids, toAddress: address.e164, text };
}

/** What a repeat must have in common with the first call, in the encoded form, as SendOutboundMessages has it. */
export function contentOfReply(request: SendReplyRequest): Uint8Array {
  return SendReplyRequest.encode({ ...request, requestId: '' }).finish();
}
