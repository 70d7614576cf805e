import {
  Contact,
  SendOutboundMessagesResponse,
  StreamOutboundMessagesResponse,
  type ContactResult,
  type SendOutboundMessagesRequest,
  type StreamOutboundMessagesRequest,
} from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import { v5 as uuidv5 } from 'uuid';
import { sendContacts } from './send-contacts';

const LIST_ID = '2f1c8a5e-0d3b-5f0a-9a52-3c1d5b7e9f10';

function contacts(count: number): Contact[] {
  return Array.from({ length: count }, (_, index) => Contact.fromPartial({ toContactId: `+1425555${1000 + index}` }));
}

/**
 * A dispatch-service that accepts everything in requests of so many contacts, keeps it, and breaks its streams as often as
 * it is told: right after the opening, or after it stored a request and before it says so.
 */
class DispatchThatBreaks {
  readonly byRequestId = new Map<string, Contact[]>();
  readonly asked: string[] = [];
  readonly openings: number[] = [];
  #streamed = 0;

  constructor(
    private readonly breaks: ('opening' | 'answer')[] = [],
    private readonly size = 100,
  ) {}

  readonly sendOutboundMessages = async (request: SendOutboundMessagesRequest) => {
    this.asked.push(request.requestId);
    const stored = this.byRequestId.get(request.requestId);
    if (stored !== undefined && JSON.stringify(stored) !== JSON.stringify(request.contacts)) {
      throw new HeraldError('REQUEST_ID_REUSED', 'It is another list.');
    }
    return this.#accept(request.requestId, request.contacts);
  };

  async *streamOutboundMessages(steps: AsyncIterable<StreamOutboundMessagesRequest>) {
    const iterator = steps[Symbol.asyncIterator]();
    await iterator.next();
    this.openings.push(this.#streamed);
    if (this.breaks[0] === 'opening') throw this.#broken();
    const resumption = { resumeFrom: this.#streamed, contactsPerRequest: this.size };
    yield StreamOutboundMessagesResponse.fromPartial({ step: { $case: 'resumption', value: resumption } });
    let held: Contact[] = [];
    for (let isOver = false; !isOver;) {
      const { done, value } = await iterator.next();
      isOver = done === true;
      if (!isOver && value?.step?.$case === 'contacts') held.push(...value.step.value.contacts);
      while (held.length >= this.size || (isOver && held.length > 0)) {
        const id = uuidv5(String(this.#streamed / this.size), LIST_ID);
        const accepted = this.#accept(id, held.slice(0, this.size));
        this.#streamed += accepted.results.length;
        held = held.slice(this.size);
        if (this.breaks[0] === 'answer') throw this.#broken();
        yield StreamOutboundMessagesResponse.fromPartial({ step: { $case: 'accepted', value: accepted } });
      }
    }
  }

  #broken(): HeraldError {
    this.breaks.shift();
    return new HeraldError('SERVICE_UNAVAILABLE', 'The connection broke.');
  }

  #accept(requestId: string, list: Contact[]): SendOutboundMessagesResponse {
    this.byRequestId.set(requestId, list);
    const results = list.map((_, index): Partial<ContactResult> => ({ index }));
    return SendOutboundMessagesResponse.fromPartial({ outboundRequest: { id: `of ${requestId}` }, results });
  }
}

describe('sendContacts', () => {
  const send = async (count: number, dispatch = new DispatchThatBreaks(), list = contacts(count)) => {
    const told: number[] = [];
    const waits: string[] = [];
    const sent = await sendContacts(
      { dispatch },
      { listId: LIST_ID, outboundConfigurationId: 'configuration', contacts: list },
      { onSent: ({ offset }) => told.push(offset), onWait: ({ reason }) => waits.push(reason) },
    );
    return { dispatch, sent, told, waits };
  };
  const stored = ({ byRequestId }: DispatchThatBreaks) => [...byRequestId.values()].flat();

  it.each([1, 100])('sends %d contacts as one request', async (count) => {
    const { dispatch, sent, told } = await send(count);
    expect([dispatch.openings, sent.length, told]).toEqual([[], 1, [0]]);
    expect(sent[0]?.id).toBe(`of ${uuidv5('0', LIST_ID)}`);
  });

  it('streams a longer list, in its order, and tells of each request', async () => {
    const { dispatch, sent, told } = await send(250);
    expect([dispatch.openings, dispatch.asked, told]).toEqual([[0], [], [0, 100, 200]]);
    expect(sent.map(({ offset, results }) => [offset, results.length])).toEqual([
      [0, 100],
      [100, 100],
      [200, 50],
    ]);
    expect(stored(dispatch)).toEqual(contacts(250));
  });

  it('goes by the size of requests that the stream says', async () => {
    const { sent } = await send(110, new DispatchThatBreaks([], 30));
    expect(sent.map(({ offset }) => offset)).toEqual([0, 30, 60, 90]);
  });

  it('takes up a stream that breaks, and asks for the answers that were lost', async () => {
    const { dispatch, sent, told, waits } = await send(350, new DispatchThatBreaks(['opening', 'answer', 'answer']));
    expect(dispatch.openings).toEqual([0, 0, 100, 200]);
    expect(sent.map(({ offset, results }) => [offset, results.length])).toEqual([
      [0, 100],
      [100, 100],
      [200, 100],
      [300, 50],
    ]);
    expect(dispatch.asked).toEqual([uuidv5('0', LIST_ID), uuidv5('1', LIST_ID)]);
    expect([stored(dispatch), told]).toEqual([contacts(350), [200, 300]]);
    expect(waits[0]).toBe('SERVICE_UNAVAILABLE');
  });

  it('prints the same when a whole list is sent again, and sends nothing', async () => {
    const { dispatch, sent } = await send(250);
    const again = await send(250, dispatch);
    expect([again.sent, again.told]).toEqual([sent, []]);
    expect(stored(dispatch)).toEqual(contacts(250));
  });

  it('sends nothing of another list under the id of a stream that was begun', async () => {
    const { dispatch } = await send(200);
    const other = contacts(350).reverse();
    await expect(send(350, dispatch, other)).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    await expect(send(150, dispatch)).rejects.toThrow('it is another list');
    expect(stored(dispatch)).toEqual(contacts(200));
  });

  it('gives up on what would be refused again', async () => {
    const dispatch = new DispatchThatBreaks();
    dispatch.streamOutboundMessages = async function* () {
      yield* [];
      throw new HeraldError('CONFIGURATION_NOT_FOUND', 'There is none.');
    };
    await expect(send(250, dispatch)).rejects.toMatchObject({ reason: 'CONFIGURATION_NOT_FOUND' });
  });
});
