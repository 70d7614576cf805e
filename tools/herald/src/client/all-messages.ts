import type { Message, MessageState } from '@herald/contracts/dispatch';
import type { Connection } from './connect';
import { patiently } from './patiently';

const PAGE_SIZE = 500;

/** Every message of the caller's organisation, or every one in some states, page by page. */
export async function allMessages(
  { dispatch }: Pick<Connection, 'dispatch'>,
  states: readonly MessageState[] = [],
): Promise<Message[]> {
  const messages: Message[] = [];
  let pageToken = '';
  do {
    const request = { outboundRequestId: '', states: [...states], pageSize: PAGE_SIZE, pageToken };
    const page = await patiently(() => dispatch.listMessages(request));
    messages.push(...page.messages);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return messages;
}
