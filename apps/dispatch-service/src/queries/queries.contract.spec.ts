import { type Message, MessageState } from '@herald/contracts/dispatch';
import { refusal } from '@herald/testing';
import { newId } from '@herald/service';
import { callbackOf } from '../../test/callbacks';
import { deps, type StoredRequest } from '../../test/ledger';
import {
  contactOf,
  contactsOf,
  messageIdOf,
  openDoors,
  requestOf,
  type Dispatch,
  type OpenDoors,
} from '../../test/open-doors';
import { settleCallbacks } from '../delivery/settle-callbacks';

const MESSAGES = { outboundRequestId: '', states: [] as MessageState[], pageSize: 0, pageToken: '' };

describe('what dispatch shows', () => {
  let doors: OpenDoors;
  let org: string;
  let dispatch: Dispatch;

  beforeAll(async () => {
    doors = await openDoors();
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    dispatch = doors.as({ org });
  });

  /** Every page of a list, one after the other; `between` happens after the first. */
  async function pagesOf<Row>(
    list: (pageToken: string) => Promise<{ rows: Row[]; nextPageToken: string }>,
    between: () => Promise<unknown> = async () => {},
  ): Promise<Row[][]> {
    const pages: Row[][] = [];
    for (let pageToken: string | undefined = ''; pageToken !== undefined;) {
      const { rows, nextPageToken } = await list(pageToken);
      pages.push(rows);
      if (pages.length === 1) await between();
      pageToken = nextPageToken === '' ? undefined : nextPageToken;
    }
    return pages;
  }

  const messagesBy =
    (request: Partial<typeof MESSAGES>, client = dispatch) =>
    async (pageToken: string) => {
      const { messages, nextPageToken } = await client.listMessages({ ...MESSAGES, ...request, pageToken });
      return { rows: messages, nextPageToken };
    };
  const requestsBy = (pageSize: number) => async (pageToken: string) => {
    const { outboundRequests, nextPageToken } = await dispatch.listRequests({ pageSize, pageToken });
    return { rows: outboundRequests, nextPageToken };
  };
  const idsOf = (rows: readonly { id: string }[]) => rows.map(({ id }) => id);
  const sizesOf = (pages: readonly unknown[][]) => pages.map((page) => page.length);
  const indexesOf = (messages: readonly Message[]) => messages.map(({ contactIndex }) => contactIndex);

  /** A request of ten messages in four states, by the index of the contact; its last two contacts were skipped. */
  async function inManyStates(): Promise<StoredRequest> {
    const request = await doors.ledger.accept({ org, messages: 10, skipped: 2, refused: 1 });
    await doors.ledger.claim(request, await doors.ledger.lease(), 3);
    for (const [index, status] of ['delivered', 'sent', 'delivered'].entries()) {
      await doors.ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, index, status)]));
    }
    return request;
  }

  describe('ListMessages', () => {
    it('gives those of a request in the order of its contacts, each once, over any number of pages', async () => {
      const request = await doors.ledger.accept({ org, messages: 18, skipped: 3 });
      await doors.ledger.accept({ org, messages: 5 });
      const pages = await pagesOf(messagesBy({ outboundRequestId: request.id, pageSize: 7 }));
      expect(sizesOf(pages)).toEqual([7, 7, 7]);
      expect(indexesOf(pages.flat())).toEqual(Array.from({ length: 21 }, (_, index) => index));
    });

    it('gives those of the organisation newest first, and keeps its place though more come in', async () => {
      const older = await doors.ledger.accept({ org, messages: 6 });
      const newer = await doors.ledger.accept({ org, messages: 6 });
      const pages = await pagesOf(messagesBy({ pageSize: 5 }), () => doors.ledger.accept({ org, messages: 4 }));
      expect(sizesOf(pages)).toEqual([5, 5, 2]);
      expect(idsOf(pages.flat())).toEqual([...older.messageIds, ...newer.messageIds].toReversed());
    });

    it('gives those in the states that are asked for, page by page, and of all states where none is', async () => {
      const { id: outboundRequestId } = await inManyStates();
      const found = async (...states: MessageState[]) =>
        indexesOf((await pagesOf(messagesBy({ outboundRequestId, states, pageSize: 2 }))).flat());
      expect(await found(MessageState.DELIVERED)).toEqual([0, 2]);
      expect(await found(MessageState.SENDING, MessageState.SENT)).toEqual([1, 3, 4, 5]);
      expect(await found(MessageState.QUEUED)).toEqual([6, 7, 8, 9]);
      expect(await found(MessageState.SKIPPED)).toEqual([10, 11]);
      expect(await found(MessageState.FAILED)).toEqual([]);
      expect(await found()).toHaveLength(12);
      const ofAll = await dispatch.listMessages({ ...MESSAGES, states: [MessageState.DELIVERED] });
      expect(indexesOf(ofAll.messages)).toEqual([2, 0]);
    });

    it('gives fifty where nobody says how many, and five hundred at most', async () => {
      const request = await doors.ledger.accept({ org, messages: 501 });
      const sized = async (pageSize: number) =>
        (await dispatch.listMessages({ ...MESSAGES, outboundRequestId: request.id, pageSize })).messages.length;
      expect(await sized(0)).toBe(50);
      expect(await sized(501)).toBe(500);
    });

    it('ends with a page that has no token, also where the last page is full, and of nothing too', async () => {
      await doors.ledger.accept({ org, messages: 4 });
      expect(sizesOf(await pagesOf(messagesBy({ pageSize: 2 })))).toEqual([2, 2]);
      expect(sizesOf(await pagesOf(messagesBy({ outboundRequestId: newId() })))).toEqual([0]);
    });

    it('P10: gives a stranger nothing of a request it knows, and its own rows alone for a token it found', async () => {
      const request = await doors.ledger.accept({ org, messages: 4 });
      const strangerOrg = newId();
      const stranger = doors.as({ org: strangerOrg });
      const own = await doors.ledger.accept({ org: strangerOrg, messages: 2 });
      expect((await messagesBy({ outboundRequestId: request.id }, stranger)('')).rows).toEqual([]);
      await doors.ledger.accept({ org, messages: 4 });
      const { nextPageToken } = await messagesBy({ pageSize: 1 })('');
      expect(idsOf((await messagesBy({}, stranger)(nextPageToken)).rows)).toEqual(own.messageIds.toReversed());
    });

    it.each([
      ['PAGE_TOKEN_INVALID', 'a token of no list', { pageToken: 'nonsense' }, 'page_token'],
      ['INVALID_FIELD', 'a request id that is no UUID', { outboundRequestId: 'r-1' }, 'outbound_request_id'],
      ['INVALID_FIELD', 'a state that there is not', { states: [99 as unknown as MessageState] }, 'states'],
      ['INVALID_FIELD', 'no state', { states: [MessageState.UNSPECIFIED] }, 'states'],
    ])('%s: %s', async (reason, _what, request, field) => {
      const error = await refusal(dispatch.listMessages({ ...MESSAGES, ...request }));
      expect([error.reason, error.detail.violations?.map((violation) => violation.field)]).toEqual([reason, [field]]);
    });
  });

  describe('GetMessage', () => {
    it('shows a message with its text, its state and what it was made from', async () => {
      const request = requestOf([contactOf(1, { clientReference: 'row 17', locale: '3082' })]);
      const { outboundRequest, results } = await dispatch.sendOutboundMessages(request);
      const { message } = await dispatch.getMessage({ messageId: messageIdOf(results[0]).toUpperCase() });
      const { templateId, channelId } = doors.configuration.resolved;
      expect(message).toEqual({
        ...{
          id: messageIdOf(results[0]),
          outboundRequestId: outboundRequest?.id,
          contactIndex: 0,
          clientReference: 'row 17',
        },
        ...{ outboundConfigurationId: request.outboundConfigurationId, channelId, channelType: 'CHANNEL_TYPE_SMS' },
        ...{
          toAddress: '+14255550001',
          language: 'es-ES',
          body: 'Hola Ana',
          segments: 1,
          state: 'MESSAGE_STATE_QUEUED',
        },
        ...{ reason: '', providerErrorCode: '', providerMessageId: '', attempt: 1, templateId, templateVersion: 3 },
        ...{ createTime: outboundRequest?.createTime, updateTime: outboundRequest?.createTime, outcomeTime: undefined },
      });
    });

    it("shows why and when a message ended, and by the provider's own code", async () => {
      const request = await doors.ledger.accept({ org, messages: 1 });
      await doors.ledger.claim(request, await doors.ledger.lease());
      await doors.ledger.database.worker((tx) =>
        settleCallbacks(tx, deps, [callbackOf(request, 0, 'undelivered', { providerErrorCode: '30005' })]),
      );
      const { message } = await dispatch.getMessage({ messageId: request.messageIds[0] ?? '' });
      expect(message).toMatchObject({
        ...{ state: 'MESSAGE_STATE_UNDELIVERED', reason: 'ADDRESS_INVALID_AT_PROVIDER', providerErrorCode: '30005' },
        ...{ providerMessageId: expect.stringMatching(/^SM/), outcomeTime: expect.any(Date) },
      });
    });

    it('shows of a skipped one no address and no text', async () => {
      const { results } = await dispatch.sendOutboundMessages(requestOf([contactOf(1, { optin: false })]));
      const { message } = await dispatch.getMessage({ messageId: messageIdOf(results[0]) });
      expect(message).toMatchObject({ state: 'MESSAGE_STATE_SKIPPED', reason: 'OPTED_OUT', toAddress: '', body: '' });
    });

    it('MESSAGE_NOT_FOUND: of another organisation, as if it were not there; INVALID_FIELD: no UUID', async () => {
      const { messageIds } = await doors.ledger.accept({ org: newId(), messages: 1 });
      const reasons = [messageIds[0] ?? '', newId(), ''].map(
        async (messageId) => (await refusal(dispatch.getMessage({ messageId }))).reason,
      );
      expect(await Promise.all(reasons)).toEqual(['MESSAGE_NOT_FOUND', 'MESSAGE_NOT_FOUND', 'INVALID_FIELD']);
    });
  });

  describe('ListRequests and GetRequest', () => {
    it('give requests newest first, each once, with counts of their own', async () => {
      const sent: string[] = [];
      for (let contacts = 1; contacts <= 5; contacts += 1) {
        const { outboundRequest } = await dispatch.sendOutboundMessages(requestOf(contactsOf(contacts)));
        sent.unshift(outboundRequest?.id ?? '');
      }
      const pages = await pagesOf(requestsBy(2), () => dispatch.sendOutboundMessages(requestOf([contactOf()])));
      expect(sizesOf(pages)).toEqual([2, 2, 1]);
      expect(idsOf(pages.flat())).toEqual(sent);
      expect(pages.flat().map(({ counts }) => counts?.queued)).toEqual([5, 4, 3, 2, 1]);
    });

    it('give the counts of what became of the contacts so far', async () => {
      const request = await inManyStates();
      const counts = { contacts: 13, refused: 1, skipped: 2, queued: 4, sending: 3, sent: 1, delivered: 2 };
      const { outboundRequest } = await dispatch.getRequest({ outboundRequestId: request.id });
      expect(outboundRequest?.counts).toMatchObject({ ...counts, skippedByReason: { OPTED_OUT: 2 } });
      expect((await requestsBy(0)('')).rows).toEqual([outboundRequest]);
    });

    it('REQUEST_NOT_FOUND: of another organisation, as if it were not there; INVALID_FIELD: no UUID', async () => {
      const { id } = await doors.ledger.accept({ org: newId(), messages: 1 });
      const reasons = [id, newId(), 'r-1'].map(
        async (outboundRequestId) => (await refusal(dispatch.getRequest({ outboundRequestId }))).reason,
      );
      expect(await Promise.all(reasons)).toEqual(['REQUEST_NOT_FOUND', 'REQUEST_NOT_FOUND', 'INVALID_FIELD']);
      expect((await requestsBy(0)('')).rows).toEqual([]);
    });

    it('PAGE_TOKEN_INVALID: a token of no list', async () => {
      expect((await refusal(requestsBy(0)('bm9uc2Vuc2U'))).reason).toBe('PAGE_TOKEN_INVALID');
    });
  });

  describe('GetQuota', () => {
    it('counts the requests of the last hour, and says when the next one will be accepted once there is no room', async () => {
      doors.configuration.resolved = { ...doors.configuration.resolved, requestsPerHourMax: 2 };
      expect(await dispatch.getQuota({})).toEqual({ limit: 2, used: 0, remaining: 2, nextAvailableTime: undefined });
      for (let request = 0; request < 2; request += 1) await dispatch.sendOutboundMessages(requestOf([contactOf()]));
      const { nextAvailableTime, ...quota } = await dispatch.getQuota({});
      expect(quota).toEqual({ limit: 2, used: 2, remaining: 0 });
      expect(Math.abs((nextAvailableTime?.getTime() ?? 0) - Date.now() - 3_600_000)).toBeLessThan(10_000);
      expect((await doors.as({ org: newId() }).getQuota({})).used).toBe(0);
    });
  });

  describe('CheckLedger', () => {
    const SCOPE = { outboundRequestId: '', flowRunId: '' };

    it('adds up all requests, or the one that is asked for', async () => {
      const request = await inManyStates();
      await doors.ledger.accept({ org, messages: 3 });
      const all = await dispatch.checkLedger(SCOPE);
      expect(all).toMatchObject({
        conserved: true,
        requests: 2,
        openSlicePositions: 3,
        counts: { contacts: 16, queued: 7 },
      });
      const one = await dispatch.checkLedger({ ...SCOPE, outboundRequestId: request.id });
      expect(one).toMatchObject({ conserved: true, requests: 1, counts: { contacts: 13 } });
    });

    it('REQUEST_NOT_FOUND and INVALID_FIELD: what is not there, and what is no request', async () => {
      const foreign = await doors.ledger.accept({ org: newId() });
      const reasonOf = async (scope: Partial<typeof SCOPE>) =>
        (await refusal(dispatch.checkLedger({ ...SCOPE, ...scope }))).reason;
      expect(await reasonOf({ outboundRequestId: foreign.id })).toBe('REQUEST_NOT_FOUND');
      expect(await reasonOf({ outboundRequestId: 'r-1' })).toBe('INVALID_FIELD');
      expect(await reasonOf({ flowRunId: newId() })).toBe('INVALID_FIELD');
    });
  });
});
