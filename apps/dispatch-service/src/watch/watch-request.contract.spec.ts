import { randomUUID } from 'node:crypto';
import type { WatchRequestResponse } from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import type { Database } from '@herald/postgres';
import { newId } from '@herald/service';
import { eventually, refusal } from '@herald/testing';
import { contactOf, contactsOf, openDoors, requestOf, type Dispatch, type OpenDoors } from '../../test/open-doors';
import { watchRequest } from './watch-request';

describe('WatchRequest', () => {
  let doors: OpenDoors;
  let org: string;
  let dispatch: Dispatch;
  /** So many of the next looks meet a database that is busy. */
  let busyLooks = 0;

  const busyAtTimes = (database: Database): Database => ({
    ...database,
    read: async (owner, work) => {
      if (busyLooks > 0) {
        busyLooks -= 1;
        throw new HeraldError('DATABASE_BUSY', 'The database is busy.');
      }
      return database.read(owner, work);
    },
  });

  beforeAll(async () => {
    doors = await openDoors(busyAtTimes);
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    dispatch = doors.as({ org });
  });

  /** What a request with these contacts shows, as far as it was watched. */
  const watch = async (contacts = contactsOf(2)) => {
    const { outboundRequest } = await dispatch.sendOutboundMessages(requestOf(contacts));
    const outboundRequestId = outboundRequest?.id ?? '';
    const seen: (WatchRequestResponse['outboundRequest'] | undefined)[] = [];
    const ended = (async () => {
      for await (const answer of dispatch.watchRequest({ outboundRequestId })) seen.push(answer.outboundRequest);
    })();
    return { outboundRequestId, seen, ended };
  };
  /** Brings messages of the organisation to a rank, by their places in the request. */
  const settle = (rank: number, ...places: number[]) =>
    doors.ledger.asOwner('update message set rank = $2 where org_id = $1 and contact_index = any($3)', [
      ...[org, rank, places],
    ]);

  it('tells the counts at once and whenever they change, and ends when no message waits for anything', async () => {
    const { outboundRequestId, seen, ended } = await watch();
    await eventually(() => expect(seen).toHaveLength(1));
    expect(seen[0]).toEqual((await dispatch.getRequest({ outboundRequestId })).outboundRequest);
    await settle(20, 0, 1);
    await eventually(() => expect(seen).toHaveLength(2));
    await settle(80, 0);
    await eventually(() => expect(seen).toHaveLength(3));
    await settle(61, 1);
    await ended;
    expect(seen.map((request) => request?.counts)).toMatchObject([
      { queued: 2 },
      { queued: 0, sent: 2 },
      { sent: 1, delivered: 1 },
      { sent: 0, delivered: 1, undelivered: 1 },
    ]);
  });

  it.each([
    ['skipped', '', 1],
    ['unknown', 'rank = 1', undefined],
    ['sent', 'rank = 20', undefined],
    ['failed', 'rank = 60', 1],
    ['undelivered', 'rank = 61', 1],
    ['delivered', 'rank = 80', 1],
    ['read', 'rank = 90', 1],
    ['expired', 'expired_at = now()', 1],
  ])('ends at once for a request of nothing but %s, or does not', async (state, change, ends) => {
    const { outboundRequest } = await dispatch.sendOutboundMessages(
      requestOf([contactOf(1, { optin: state !== 'skipped' })]),
    );
    if (state !== 'skipped') await doors.ledger.asOwner(`update message set ${change} where org_id = $1`, [org]);
    const abort = new AbortController();
    const seen: unknown[] = [];
    const ended = (async () => {
      const request = { outboundRequestId: outboundRequest?.id ?? '' };
      for await (const answer of dispatch.watchRequest(request, { signal: abort.signal })) {
        seen.push(answer);
        if (ends === undefined) abort.abort();
      }
      return 'settled';
    })();
    const end = ends === undefined ? (await refusal(ended)).reason : await ended;
    expect([end, seen.length]).toEqual([ends === undefined ? 'CANCELLED' : 'settled', 1]);
  });

  it('ends at once for a request of which every contact was refused', async () => {
    const { seen, ended } = await watch([contactOf(1, { optin: undefined })]);
    await ended;
    expect(seen.map((request) => request?.counts)).toMatchObject([{ contacts: 1, refused: 1 }]);
  });

  it('goes on over a database that is busy for a moment, and tells what changed meanwhile', async () => {
    const { seen, ended } = await watch();
    await eventually(() => expect(seen).toHaveLength(1));
    busyLooks = 2;
    await settle(80, 0, 1);
    await ended;
    expect(busyLooks).toBe(0);
    expect(seen.map((request) => request?.counts)).toMatchObject([{ queued: 2 }, { queued: 0, delivered: 2 }]);
  });

  it.each([
    ['at once where it has told nothing yet', 0, 1],
    ['after seven looks in a row where it had begun', 1, 7],
  ])('DATABASE_BUSY: ends when the database stays so: %s', async (_, told, looks) => {
    const { outboundRequest } = await dispatch.sendOutboundMessages(requestOf(contactsOf(1)));
    const context = { org, signal: new AbortController().signal };
    const database = busyAtTimes(doors.ledger.database);
    const watching = watchRequest(database, context, outboundRequest?.id ?? '', async () => {});
    if (told > 0) expect((await watching.next()).value.outboundRequest).toMatchObject({ counts: { queued: 1 } });
    busyLooks = 20;
    expect((await refusal(watching.next())).reason).toBe('DATABASE_BUSY');
    expect(busyLooks).toBe(20 - looks);
    busyLooks = 0;
  });

  it.each([
    ['REQUEST_NOT_FOUND', 'no request has', () => randomUUID()],
    ['INVALID_FIELD', 'is none', () => 'r-1'],
  ])('%s: an id that %s', async (reason, _, id) => {
    const watching = dispatch.watchRequest({ outboundRequestId: id() })[Symbol.asyncIterator]();
    expect((await refusal(watching.next())).reason).toBe(reason);
  });

  it('P10: REQUEST_NOT_FOUND: the request of another organisation', async () => {
    const { outboundRequest } = await dispatch.sendOutboundMessages(requestOf(contactsOf(1)));
    const stranger = doors.as({ org: newId() });
    const request = { outboundRequestId: outboundRequest?.id ?? '' };
    const watching = stranger.watchRequest(request)[Symbol.asyncIterator]();
    expect((await refusal(watching.next())).reason).toBe('REQUEST_NOT_FOUND');
  });
});
