import type { Database } from '@herald/postgres';
import { newId } from '@herald/service';
import { v5 as uuidv5 } from 'uuid';
import { contactsOf, openDoors, requestOf, type Dispatch, type OpenDoors } from '../../test/open-doors';
import { openingOf, streamContacts, type Streamed } from '../../test/streaming';

const CONTACTS = contactsOf(250);
/** The transactions of a stream of these contacts, in their order. */
const TRANSACTIONS = ['the opening', 'the first request', 'the second request', 'the last request', 'the end'];

describe('a stream that breaks', () => {
  let doors: OpenDoors;
  let org: string;
  let dispatch: Dispatch;
  let transactions = 0;
  /** What happens around a transaction, by its number from 0. */
  let around: { before?(nth: number): Promise<unknown> | void; after?(nth: number): Promise<unknown> | void };

  /** What happens around each attempt of a transaction, in it. */
  let aroundWork: <T>(work: () => Promise<T>) => Promise<T>;

  const watched = (database: Database): Database => ({
    ...database,
    transaction: async (owner, work) => {
      const nth = transactions++;
      await around.before?.(nth);
      const result = await database.transaction(owner, (tx) => aroundWork(() => work(tx)));
      await around.after?.(nth);
      return result;
    },
  });

  beforeAll(async () => {
    doors = await openDoors(watched);
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    dispatch = doors.as({ org });
    transactions = 0;
    around = {};
    aroundWork = (work) => work();
  });

  const count = async (text: string) =>
    (await doors.ledger.asOwner<{ rows: number }>(`select count(*)::int as rows from ${text}`, [org]))[0]?.rows;
  /** Every contact stands in the ledger once, in three requests, and the quota was spent for each once. */
  const expectOnce = async () => {
    expect([
      await count('outbound_request where org_id = $1'),
      await count('message where org_id = $1 and skip_reason is null'),
      await count('(select distinct to_address from message_body where org_id = $1) as addresses'),
      await count('quota_entry where org_id = $1'),
      await count('audit_entry where org_id = $1'),
      await count('outbound_stream_address where org_id = $1'),
      await count('outbound_stream where org_id = $1 and contacts = 250 and closed_at is not null'),
    ]).toEqual([3, 250, 250, 3, 3, 250, 1]);
  };
  /** Streams all of it, and lets the connection break when `cut` says so. */
  const streamUntil = (
    opening: ReturnType<typeof openingOf>,
    prepare: (cut: () => Promise<unknown>) => Parameters<typeof streamContacts>[3],
  ) => {
    const abort = new AbortController();
    const over = Promise.withResolvers<void>();
    const cut = () => {
      abort.abort();
      return over.promise;
    };
    return streamContacts(dispatch, opening, CONTACTS, { ...prepare(cut), signal: abort.signal }).finally(over.resolve);
  };
  const resumed = async (opening: ReturnType<typeof openingOf>): Promise<Streamed> => {
    around = {};
    const streamed = await streamContacts(dispatch, opening, CONTACTS, { framing: 33 });
    expect(streamed.error).toBeUndefined();
    return streamed;
  };

  it.each(TRANSACTIONS.map((name, nth) => [name, nth] as const))(
    'P2 P3: while %s is being stored goes on, and accepts each contact once',
    async (_, at) => {
      const opening = openingOf();
      const broken = await streamUntil(opening, (cut) => {
        around.before = (nth) => (nth === at ? cut() : undefined);
        return {};
      });
      expect(broken.error?.reason).toBe('CANCELLED');
      await resumed(opening);
      await expectOnce();
    },
  );

  it.each(TRANSACTIONS.map((name, nth) => [name, nth] as const))(
    'P2 P3: after %s was stored, with its answer lost, goes on behind it',
    async (_, at) => {
      const opening = openingOf();
      await streamUntil(opening, (cut) => {
        around.after = (nth) => (nth === at ? cut() : undefined);
        return {};
      });
      const { resumeFrom } = await resumed(opening);
      expect(resumeFrom).toBe([0, 100, 200, 250, 250][at]);
      await expectOnce();
    },
  );

  it('P2 P3: in the middle of a request forgets what was read of it', async () => {
    const opening = openingOf();
    const half = Promise.withResolvers<void>();
    const abort = new AbortController();
    await streamContacts(dispatch, opening, CONTACTS.slice(0, 150), {
      framing: 50,
      hold: half.promise,
      signal: abort.signal,
      onStep: (kind) => kind === 'accepted' && abort.abort(),
    });
    half.resolve();
    const { resumeFrom, accepted } = await resumed(opening);
    expect([resumeFrom, accepted.length]).toEqual([100, 2]);
    await expectOnce();
  });

  it('P3: while the same is streamed over two connections, accepts each contact once', async () => {
    const opening = openingOf();
    const both = await Promise.all([7, 120].map((framing) => streamContacts(dispatch, opening, CONTACTS, { framing })));
    // The one that comes behind may find the stream closed by the other before its end.
    for (const { error } of both) expect([undefined, 'REQUEST_ID_REUSED']).toContain(error?.reason);
    await expectOnce();
  });

  it('P3: whose old connection wakes up when the new one is done, changes nothing', async () => {
    const opening = openingOf();
    const release = Promise.withResolvers<void>();
    const late = streamUntil(opening, (cut) => {
      around.before = (nth) => {
        if (nth !== 2) return undefined;
        void cut();
        return release.promise;
      };
      return {};
    });
    await late;
    around = {};
    const { resumeFrom } = await streamContacts(dispatch, opening, CONTACTS);
    expect(resumeFrom).toBe(100);
    const isLateDone = Promise.withResolvers<void>();
    around.after = () => isLateDone.resolve();
    release.resolve();
    await isLateDone.promise;
    await expectOnce();
  });

  it('P3: whose transaction is rolled back, and finds its request accepted by another call, goes on behind it', async () => {
    const opening = openingOf();
    const { streamId, outboundConfigurationId } = opening;
    let attempts = 0;
    aroundWork = async (work) => {
      if (transactions !== 2) return work();
      attempts += 1;
      if (attempts === 1) {
        await work();
        throw Object.assign(new Error('another transaction was faster'), { code: '40001' });
      }
      aroundWork = (others) => others();
      const requestId = uuidv5('0', streamId);
      await dispatch.sendOutboundMessages(requestOf(CONTACTS.slice(0, 100), { requestId, outboundConfigurationId }));
      return work();
    };
    const { error, accepted } = await streamContacts(dispatch, opening, CONTACTS);
    expect([error, accepted.length, attempts]).toEqual([undefined, 3, 2]);
    await expectOnce();
  });

  it('is complete for whoever takes it up again', async () => {
    const opening = openingOf();
    await streamContacts(dispatch, opening, CONTACTS);
    const again = await resumed(opening);
    expect([again.resumeFrom, again.accepted]).toEqual([250, []]);
    await expectOnce();
  });

  it('belongs to its caller: the same id of another subject is another stream', async () => {
    const opening = openingOf();
    await streamContacts(dispatch, opening, CONTACTS.slice(0, 5));
    const other = await streamContacts(doors.as({ org, subject: 'ben' }), opening, CONTACTS.slice(0, 5));
    expect([other.resumeFrom, other.accepted.length]).toEqual([0, 1]);
  });
});
