import { randomUUID } from 'node:crypto';
import type { SendReplyRequest } from '@herald/contracts/dispatch';
import { HeraldError, notFound } from '@herald/errors';
import { newId } from '@herald/service';
import { refusal } from '@herald/testing';
import { contactsOf, openDoors, requestOf, type Dispatch, type OpenDoors } from '../../test/open-doors';

describe('SendReply', () => {
  let doors: OpenDoors;
  let org: string;
  let conversation: Dispatch;
  let reader: Dispatch;

  beforeAll(async () => {
    doors = await openDoors();
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    conversation = doors.asConversation(org);
    reader = doors.as({ org });
    doors.configuration.refuses = undefined;
  });

  const reply = (changes: Partial<SendReplyRequest> = {}): SendReplyRequest => ({
    ...{ requestId: randomUUID(), channelId: randomUUID(), conversationId: randomUUID() },
    ...{ toAddress: '+14255550199', text: 'Your order left today.' },
    ...changes,
  });
  const stored = async () => {
    const [row] = await doors.ledger.asOwner<{ rows: number }>(
      'select count(*)::int as rows from message where org_id = $1',
      [org],
    );
    return row?.rows;
  };

  it('makes one message of a text, ahead of what configurations send, and orders it in its conversation', async () => {
    const request = reply({ toAddress: '+1 (425) 555-0199', text: 'é'.repeat(161) });
    const { messageId, segments } = await conversation.sendReply(request);
    expect(segments).toBe(2);
    const { message } = await reader.getMessage({ messageId });
    expect(message).toMatchObject({
      ...{ toAddress: '+14255550199', body: request.text, segments: 2, state: 'MESSAGE_STATE_QUEUED' },
      ...{ channelId: request.channelId, outboundConfigurationId: '', templateId: '', templateVersion: 0 },
    });
    const [batch] = await doors.ledger.asOwner(
      'select priority, size, sequence_key as "sequenceKey" from batch where first_id = $1',
      [messageId],
    );
    expect(batch).toEqual({ priority: 1, size: 1, sequenceKey: request.conversationId });
  });

  it('spends none of the hour, stands in no list of requests, and is counted by the ledger', async () => {
    const { outboundRequest: sent } = await reader.sendOutboundMessages(requestOf(contactsOf(1)));
    const { messageId } = await conversation.sendReply(reply());
    expect(await reader.getQuota({})).toMatchObject({ used: 1 });
    const { outboundRequests } = await reader.listRequests({ pageSize: 0, pageToken: '' });
    expect(outboundRequests.map(({ id }) => id)).toEqual([sent?.id]);
    const { message } = await reader.getMessage({ messageId });
    const own = await reader.getRequest({ outboundRequestId: message?.outboundRequestId ?? '' });
    expect(own.outboundRequest).toMatchObject({ caller: 'service:conversation', counts: { contacts: 1, queued: 1 } });
    const listed = await reader.listMessages({ outboundRequestId: '', states: [], pageSize: 0, pageToken: '' });
    expect(listed.messages).toHaveLength(2);
    const ledger = await reader.checkLedger({ outboundRequestId: '', flowRunId: '' });
    expect(ledger).toMatchObject({ requests: 2, conserved: true, counts: { contacts: 2, queued: 2 } });
  });

  it('can be cancelled like any request', async () => {
    const { messageId } = await conversation.sendReply(reply());
    const { message } = await reader.getMessage({ messageId });
    const { outboundRequest } = await reader.cancelRequest({ outboundRequestId: message?.outboundRequestId ?? '' });
    expect(outboundRequest?.counts).toMatchObject({ cancelled: 1, queued: 0 });
  });

  it('P2: gives a repeat the first answer, though many come at once and the channel is gone since', async () => {
    const request = reply();
    const answers = await Promise.all(Array.from({ length: 6 }, () => conversation.sendReply(request)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    doors.configuration.refuses = notFound('CHANNEL_NOT_FOUND', 'channel', request.channelId);
    expect(await conversation.sendReply({ ...request, requestId: request.requestId.toUpperCase() })).toEqual(
      answers[0],
    );
    expect(await stored()).toBe(1);
  });

  it('P2: › REQUEST_ID_REUSED', async () => {
    const request = reply();
    await conversation.sendReply(request);
    const error = await refusal(conversation.sendReply({ ...request, text: 'Your order left yesterday.' }));
    expect(error.reason).toBe('REQUEST_ID_REUSED');
    expect(await stored()).toBe(1);
  });

  it.each(['CHANNEL_NOT_FOUND', 'CHANNEL_DISABLED', 'CHANNEL_NOT_PROVISIONED', 'CHANNEL_TYPE_UNSUPPORTED'] as const)(
    '› %s',
    async (reason) => {
      doors.configuration.refuses = new HeraldError(reason, 'It cannot be used.');
      expect((await refusal(conversation.sendReply(reply()))).reason).toBe(reason);
      expect(await stored()).toBe(0);
    },
  );

  it.each<[string, string, Partial<SendReplyRequest>]>([
    ['request_id', 'FIELD_MALFORMED', { requestId: '' }],
    ['channel_id', 'FIELD_MALFORMED', { channelId: 'main' }],
    ['conversation_id', 'FIELD_MALFORMED', { conversationId: '7' }],
    ['to_address', 'FIELD_MALFORMED', { toAddress: '+999123' }],
    ['text', 'FIELD_REQUIRED', { text: ' \n' }],
    ['text', 'FIELD_TOO_LONG', { text: 'x'.repeat(1_601) }],
    ['text', 'FIELD_MALFORMED', { text: 'a\0b' }],
  ])('› INVALID_FIELD of %s: %s', async (field, reason, changes) => {
    const error = await refusal(conversation.sendReply(reply(changes)));
    expect(error.reason).toBe('INVALID_FIELD');
    expect(error.detail.violations).toMatchObject([{ field, reason }]);
    expect(await stored()).toBe(0);
  });

  it('takes the longest text', async () => {
    expect((await conversation.sendReply(reply({ text: 'x'.repeat(1_600) }))).segments).toBe(11);
  });

  it('S1: › CALLER_NOT_ALLOWED for users, whatever their scopes', async () => {
    const { sendReply } = doors.as({ org, scopes: ['send', 'agent', 'operator'] });
    expect((await refusal(sendReply(reply()))).reason).toBe('CALLER_NOT_ALLOWED');
  });
});
