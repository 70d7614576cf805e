import { Contact, SendOutboundMessagesResponse, type SendOutboundMessagesRequest } from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import { patiently, sendContacts } from './send-contacts';

const LIST_ID = '2f1c8a5e-0d3b-5f0a-9a52-3c1d5b7e9f10';

function contacts(count: number): Contact[] {
  return Array.from({ length: count }, (_, index) => Contact.fromPartial({ toContactId: `+1425555${1000 + index}` }));
}

/** A dispatch-service that accepts everything, and remembers what it was asked. */
function dispatchThatAccepts() {
  const requests: SendOutboundMessagesRequest[] = [];
  const sendOutboundMessages = (request: SendOutboundMessagesRequest) => {
    requests.push(request);
    const answer = { outboundRequest: { id: `request-${requests.length}` } };
    return Promise.resolve(SendOutboundMessagesResponse.fromPartial(answer));
  };
  return { requests, connection: { dispatch: { sendOutboundMessages } } };
}

describe('sendContacts', () => {
  const send = async (count: number) => {
    const { requests, connection } = dispatchThatAccepts();
    const told: number[] = [];
    const list = { listId: LIST_ID, outboundConfigurationId: 'configuration', contacts: contacts(count) };
    const sent = await sendContacts(connection, list, { onSent: ({ offset }) => told.push(offset) });
    return { requests, sent, told };
  };

  it('splits a list into requests of a hundred, in its order, and tells of each', async () => {
    const { requests, sent, told } = await send(250);
    expect(requests.map((request) => request.contacts.length)).toEqual([100, 100, 50]);
    expect(requests.flatMap((request) => request.contacts)).toEqual(contacts(250));
    expect(sent.map(({ id, offset }) => [id, offset])).toEqual([
      ['request-1', 0],
      ['request-2', 100],
      ['request-3', 200],
    ]);
    expect(told).toEqual([0, 100, 200]);
  });

  it.each([
    [1, 1],
    [100, 1],
    [101, 2],
  ])('makes of %d contacts %d requests', async (count, expected) => {
    expect((await send(count)).requests).toHaveLength(expected);
  });

  it('gives each request an id of its own, the same when the list is sent again', async () => {
    const ids = (await send(250)).requests.map(({ requestId }) => requestId);
    expect(new Set(ids).size).toBe(3);
    expect((await send(250)).requests.map(({ requestId }) => requestId)).toEqual(ids);
  });
});

describe('patiently', () => {
  const failing = (error: Error, times: number) => {
    let calls = 0;
    return {
      calls: () => calls,
      call: () => (++calls > times ? Promise.resolve('an answer') : Promise.reject(error)),
    };
  };

  it.each(['SERVICE_UNAVAILABLE', 'HOURLY_REQUESTS_EXHAUSTED'] as const)(
    'repeats a call refused for %s',
    async (reason) => {
      const { call, calls } = failing(new HeraldError(reason, 'Not now.', { retryAfterMs: 1 }), 1);
      expect(await patiently(call)).toBe('an answer');
      expect(calls()).toBe(2);
    },
  );

  it('tells once a call that it waits, why, and for how long', async () => {
    const { call } = failing(new HeraldError('HOURLY_REQUESTS_EXHAUSTED', 'All are used.', { retryAfterMs: 600 }), 2);
    const told: [string, number][] = [];
    await patiently(call, ({ reason }, waitMs) => told.push([reason, waitMs]));
    expect(told).toEqual([['HOURLY_REQUESTS_EXHAUSTED', 600]]);
  });

  it.each([new HeraldError('CONFIGURATION_NOT_FOUND', 'No such configuration.'), new Error('a fault of ours')])(
    'does not repeat what would be refused again: %s',
    async (error) => {
      const { call, calls } = failing(error, 1);
      await expect(patiently(call)).rejects.toBe(error);
      expect(calls()).toBe(1);
    },
  );
});
