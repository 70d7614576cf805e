import { randomUUID } from 'node:crypto';
import { DeliveryGuarantee } from '@herald/contracts/configuration';
import { StreamOpening, type Contact, type StreamOutboundMessagesRequest } from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import { requestHash } from '@herald/postgres';
import { newId } from '@herald/service';
import { v5 as uuidv5 } from 'uuid';
import {
  contactOf,
  contactsOf,
  openDoors,
  requestOf,
  resolvedConfiguration,
  type Dispatch,
  type OpenDoors,
} from '../../test/open-doors';
import { contactsStep, openingOf, openingStep, streamContacts, streamSteps } from '../../test/streaming';
import { STREAM_CONTACTS_MAX } from './stream-outbound-messages';

describe('StreamOutboundMessages', () => {
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
    doors.configuration.resolved = resolvedConfiguration();
    doors.configuration.refuses = undefined;
  });

  /** The requests of the organisation in their order. */
  const requests = () =>
    doors.ledger.asOwner<{ requestId: string; contacts: number; messages: number }>(
      `select request_id as "requestId", contacts,
              (select count(*)::int from message m where m.org_id = r.org_id and m.outbound_request_id = r.id) as messages
         from outbound_request r where org_id = $1 order by id`,
      [org],
    );
  const used = async () => (await dispatch.getQuota({})).used;
  const reasonsOf = (results: { outcome?: { value: object; $case: string } | undefined }[]) =>
    results.map(({ outcome }) => (outcome?.value as { reason?: string } | undefined)?.reason ?? outcome?.$case);

  it('accepts a list in requests of a hundred, whose ids follow from its own, and says what became of each contact', async () => {
    const opening = openingOf({ deliveryGuarantee: DeliveryGuarantee.AT_LEAST_ONCE });
    const streamed = await streamContacts(dispatch, opening, contactsOf(250));
    expect(streamed).toMatchObject({ resumeFrom: 0, contactsPerRequest: 100, heartbeats: [], error: undefined });
    const ids = ['0', '1', '2'].map((n) => uuidv5(n, opening.streamId));
    expect(streamed.accepted.map(({ outboundRequest }) => outboundRequest?.requestId)).toEqual(ids);
    expect(streamed.accepted.map(({ results }) => results.length)).toEqual([100, 100, 50]);
    expect(await requests()).toEqual(
      [100, 100, 50].map((contacts, n) => ({ requestId: ids[n], contacts, messages: contacts })),
    );
    expect(await used()).toBe(3);
    const [guarantee] = await doors.ledger.asOwner(
      `select distinct delivery_guarantee as guarantee from outbound_request where org_id = $1`,
      [org],
    );
    expect(guarantee).toEqual({ guarantee: 'AT_LEAST_ONCE' });
  });

  it('S16: leaves one entry in the audit log for each request, under the RPC that was called', async () => {
    await streamContacts(dispatch, openingOf(), contactsOf(101));
    const entries = await doors.ledger.asOwner(
      `select rpc, subject_kind as kind from audit_entry where org_id = $1 order by seq`,
      [org],
    );
    expect(entries).toEqual(
      Array(2).fill({ rpc: 'herald.dispatch.v1.DispatchService/StreamOutboundMessages', kind: 'outboundRequest' }),
    );
  });

  it('P2: gives SendOutboundMessages the same answer for a part of the stream, and takes one that was sent before as it is', async () => {
    const opening = openingOf();
    const contacts = contactsOf(200);
    const part = (n: number) =>
      requestOf(contacts.slice(100 * n, 100 * n + 100), {
        requestId: uuidv5(String(n), opening.streamId),
        outboundConfigurationId: opening.outboundConfigurationId,
      });
    const before = await dispatch.sendOutboundMessages(part(0));
    const { accepted } = await streamContacts(dispatch, opening, contacts);
    expect(accepted[0]).toEqual(before);
    expect(await dispatch.sendOutboundMessages(part(1))).toEqual(accepted[1]);
    expect([(await requests()).length, await used()]).toEqual([2, 2]);
    expect((await streamContacts(dispatch, opening, contacts)).resumeFrom).toBe(200);
  });

  it('P2: remembers what an opening says and not how this version holds it, so that the next version takes the stream up', async () => {
    const opening = openingOf({ validFor: { seconds: 60, nanos: 0 } });
    await streamContacts(dispatch, opening, contactsOf(1));
    const [stream] = await doors.ledger.asOwner('select opening_hash as hash from outbound_stream where org_id = $1', [
      org,
    ]);
    expect(stream).toEqual({ hash: requestHash(StreamOpening.encode({ ...opening, streamId: '' }).finish()) });
  });

  describe('addresses', () => {
    it('are found again over the whole stream, also after it was taken up', async () => {
      const opening = openingOf();
      const again = [contactOf(7), contactOf(7, { toContactId: '+1 (425) 555-0007' }), contactOf(500)];
      const contacts = [...contactsOf(100), ...again, ...contactsOf(97), ...again];
      const abort = new AbortController();
      await streamContacts(dispatch, opening, contacts.slice(0, 100), {
        signal: abort.signal,
        hold: new Promise<void>((resolve) => abort.signal.addEventListener('abort', () => resolve())),
        onStep: (kind) => kind === 'accepted' && abort.abort(),
      });
      const { resumeFrom, accepted } = await streamContacts(dispatch, opening, contacts);
      expect([resumeFrom, accepted.length]).toEqual([100, 2]);
      const reasons = accepted.flatMap(({ results }) => reasonsOf(results));
      expect(reasons).toEqual([
        ...['REPEATED_ADDRESS', 'REPEATED_ADDRESS', 'accepted'],
        ...Array(97).fill('REPEATED_ADDRESS'),
        ...Array(3).fill('REPEATED_ADDRESS'),
      ]);
    });

    it('are opted out for all that follows, and one that was refused before may still be accepted', async () => {
      const contacts = contactsOf(100);
      contacts[1] = contactOf(1, { optin: false });
      contacts[2] = contactOf(2, { contextItems: {} });
      const { accepted } = await streamContacts(dispatch, openingOf(), [...contacts, contactOf(1), contactOf(2)]);
      expect(reasonsOf(accepted[0]?.results ?? []).slice(0, 3)).toEqual(['accepted', 'OPTED_OUT', 'SLUG_MISSING']);
      expect(reasonsOf(accepted[1]?.results ?? [])).toEqual(['OPTED_OUT', 'accepted']);
    });

    it('are no concern of another stream', async () => {
      await streamContacts(dispatch, openingOf(), contactsOf(3));
      const { accepted } = await streamContacts(dispatch, openingOf(), contactsOf(3));
      expect(reasonsOf(accepted[0]?.results ?? [])).toEqual(['accepted', 'accepted', 'accepted']);
    });

    it('P22: stand in no readable form where they are remembered', async () => {
      await streamContacts(dispatch, openingOf(), contactsOf(2));
      const rows = await doors.ledger.asOwner<{ hash: Buffer }>(
        'select address_hash as hash from outbound_stream_address where org_id = $1',
        [org],
      );
      expect(rows).toHaveLength(2);
      for (const { hash } of rows) expect([hash.length, hash.toString().includes('425')]).toEqual([16, false]);
    });
  });

  describe('the limit of contacts in a request', () => {
    it('makes smaller requests where it is lower than a hundred', async () => {
      doors.configuration.resolved = resolvedConfiguration({ contactsPerRequestMax: 30 });
      const streamed = await streamContacts(dispatch, openingOf(), contactsOf(70));
      expect(streamed.contactsPerRequest).toBe(30);
      expect((await requests()).map(({ contacts }) => contacts)).toEqual([30, 30, 10]);
    });

    it.each([10, 1_000])(
      'moves no border of a stream that began when it was another, though it is %d now',
      async (now) => {
        doors.configuration.resolved = resolvedConfiguration({ contactsPerRequestMax: 30 });
        const opening = openingOf();
        const contacts = contactsOf(70);
        await streamContacts(dispatch, opening, contacts, {
          onStep: (kind) => {
            if (kind === 'accepted')
              doors.configuration.resolved = resolvedConfiguration({ contactsPerRequestMax: now });
          },
        });
        expect((await requests()).map(({ contacts: size }) => size)).toEqual([30, 30, 10]);
      },
    );

    it('is a hundred though the organisation may send more at once', async () => {
      doors.configuration.resolved = resolvedConfiguration({ contactsPerRequestMax: 500 });
      expect((await streamContacts(dispatch, openingOf(), contactsOf(101))).accepted).toHaveLength(2);
    });
  });

  describe('the quota', () => {
    const clock = (time: string) =>
      doors.ledger.asOwner(
        `create or replace function ledger_now() returns timestamptz language sql volatile as '${time.replaceAll("'", "''")}'`,
      );
    afterEach(() => clock('select clock_timestamp()'));

    it('P11: holds the stream back, says when it goes on, and lets it go on by itself', async () => {
      doors.configuration.resolved = resolvedConfiguration({ requestsPerHourMax: 2 });
      await clock(`select timestamptz '2026-11-24 00:00+00'`);
      const before = Date.now();
      const streamed = await streamContacts(dispatch, openingOf(), contactsOf(250), {
        onStep: (kind, { heartbeats }) => {
          if (kind === 'heartbeat' && heartbeats.length === 2) void clock(`select timestamptz '2026-11-24 01:00+00'`);
        },
      });
      expect(streamed.accepted).toHaveLength(3);
      expect(streamed.heartbeats.length).toBeGreaterThanOrEqual(2);
      const waitMs = (streamed.heartbeats[0]?.getTime() ?? 0) - before;
      expect(waitMs).toBeGreaterThanOrEqual(3_600_000);
      expect(waitMs).toBeLessThan(3_660_000);
      expect(await used()).toBe(1);
    });

    it('goes on when the limit is raised meanwhile', async () => {
      doors.configuration.resolved = resolvedConfiguration({ requestsPerHourMax: 1 });
      const streamed = await streamContacts(dispatch, openingOf(), contactsOf(150), {
        onStep: (kind) => {
          if (kind === 'heartbeat') doors.configuration.resolved = resolvedConfiguration();
        },
      });
      expect([streamed.accepted.length, streamed.heartbeats.length]).toEqual([2, 1]);
    });

    it('S18: takes no more contacts from a caller while it waits than HTTP/2 lets through unread', async () => {
      doors.configuration.resolved = resolvedConfiguration({ requestsPerHourMax: 1 });
      let sent = 0;
      const abort = new AbortController();
      const large = contactOf(1, { contextItems: { CustomerName: 'Ana', Text: 'x'.repeat(2_000) } });
      async function* flood(): AsyncGenerator<StreamOutboundMessagesRequest> {
        yield openingStep(openingOf());
        for (;;) {
          yield contactsStep(Array<Contact>(100).fill(large));
          sent += 1;
        }
      }
      const ended = streamSteps(dispatch, flood(), {
        signal: abort.signal,
        onStep: (kind, { heartbeats }) => kind === 'heartbeat' && heartbeats.length === 2 && abort.abort(),
      });
      expect((await ended).error?.reason).toBe('CANCELLED');
      // 200 kB each: five in the client, and the windows of HTTP/2.
      expect(sent).toBeLessThan(15);
      expect(await requests()).toHaveLength(1);
    });
  });

  describe('reasons', () => {
    /** So many items of as much text as an item may have. */
    const textsOf = (items: number) =>
      Object.fromEntries(Array.from({ length: items }, (_, item) => [`Item${item}`, 'x'.repeat(2_000)]));
    const ending = async (...steps: StreamOutboundMessagesRequest[]) => {
      async function* source() {
        yield* steps;
      }
      return (await streamSteps(dispatch, source())).error;
    };
    const fieldsOf = (error: HeraldError | undefined) =>
      error?.detail.violations?.map(({ field, reason }) => `${field} ${reason}`);
    const opened = (changes = {}) => openingStep(openingOf(changes));

    it.each([
      ['contacts before the opening', () => ending(contactsStep(contactsOf(1))), ['opening FIELD_REQUIRED']],
      ['nothing at all', () => ending(), ['opening FIELD_REQUIRED']],
      ['a step of nothing', () => ending({ step: undefined }), ['opening FIELD_REQUIRED']],
      [
        'an opening that is wrong throughout',
        () => ending(opened({ streamId: 's-1', outboundConfigurationId: '', validFor: { seconds: 0, nanos: 5 } })),
        [
          'opening.stream_id FIELD_MALFORMED',
          'opening.outbound_configuration_id FIELD_MALFORMED',
          'opening.valid_for FIELD_OUT_OF_RANGE',
        ],
      ],
    ])('INVALID_FIELD: %s', async (_, end, fields) => {
      const error = await end();
      expect([error?.reason, fieldsOf(error)]).toEqual(['INVALID_FIELD', fields]);
    });

    it.each([
      ['a second opening', opened(), ['opening FIELD_NOT_ALLOWED']],
      ['a step without contacts', contactsStep([]), ['contacts FIELD_REQUIRED']],
      ['a step with 501', contactsStep(contactsOf(501)), ['contacts FIELD_TOO_MANY']],
    ])('INVALID_FIELD: %s later on, and what was accepted before stays', async (_, step, fields) => {
      const error = await ending(opened(), contactsStep(contactsOf(150)), step);
      expect([error?.reason, fieldsOf(error), error?.detail.metadata?.['offset']]).toEqual([
        ...['INVALID_FIELD', fields, '100'],
      ]);
      expect((await requests()).map(({ contacts }) => contacts)).toEqual([100]);
    });

    it('INVALID_FIELD: contacts out of bounds, all of them by their place in the stream, after which it may be mended', async () => {
      const opening = openingOf();
      const contacts = contactsOf(200);
      contacts[123] = contactOf(123, { clientReference: 'x'.repeat(201) });
      contacts[150] = contactOf(150, { customerName: 'x'.repeat(2_001), clientReference: 'a\0b' });
      const { error } = await streamContacts(dispatch, opening, contacts);
      expect(fieldsOf(error)).toEqual([
        'contacts[123].client_reference FIELD_TOO_LONG',
        'contacts[150].client_reference FIELD_MALFORMED',
        'contacts[150].customer_name FIELD_TOO_LONG',
      ]);
      expect(error?.detail.metadata?.['offset']).toBe('100');
      const mended = await streamContacts(dispatch, opening, contactsOf(200));
      expect([mended.resumeFrom, mended.error, (await requests()).length]).toEqual([100, undefined, 2]);
    });

    it('NO_CONTACTS: a stream that ends as it began', async () => {
      const error = await ending(opened());
      expect([error?.reason, error?.detail.metadata]).toEqual(['NO_CONTACTS', { offset: '0' }]);
    });

    it('CONFIGURATION_NOT_FOUND: before a contact is read, and nothing is stored', async () => {
      doors.configuration.refuses = new HeraldError('CONFIGURATION_NOT_FOUND', 'There is none.');
      const streamed = await streamContacts(dispatch, openingOf(), contactsOf(3));
      expect([streamed.error?.reason, streamed.resumeFrom]).toEqual(['CONFIGURATION_NOT_FOUND', undefined]);
      const rows = await doors.ledger.asOwner('select id from outbound_stream where org_id = $1', [org]);
      expect(rows).toEqual([]);
    });

    it('CONFIGURATION_NOT_FOUND: in the middle, naming the offset; a stream that is complete is told so all the same', async () => {
      const opening = openingOf();
      const complete = openingOf();
      await streamContacts(dispatch, complete, contactsOf(100));
      const { error } = await streamContacts(dispatch, opening, contactsOf(250), {
        framing: 100,
        onStep: (kind) => {
          if (kind === 'accepted')
            doors.configuration.refuses = new HeraldError('CONFIGURATION_NOT_FOUND', 'It is gone.');
        },
      });
      expect(error?.reason).toBe('CONFIGURATION_NOT_FOUND');
      expect(Number(error?.detail.metadata?.['offset'])).toBeGreaterThanOrEqual(100);
      const again = await streamContacts(dispatch, complete, contactsOf(100));
      expect([again.resumeFrom, again.error]).toEqual([100, undefined]);
    });

    it('REQUEST_ID_REUSED: the same id with another configuration, before a contact is read', async () => {
      const opening = openingOf();
      await streamContacts(dispatch, opening, contactsOf(3));
      const { error } = await streamContacts(dispatch, { ...opening, outboundConfigurationId: randomUUID() }, []);
      expect([error?.reason, error?.detail.metadata]).toEqual([
        ...['REQUEST_ID_REUSED', { streamId: opening.streamId, offset: '0' }],
      ]);
    });

    it('REQUEST_ID_REUSED: other contacts where a request was accepted, naming the offset', async () => {
      const opening = openingOf();
      const { outboundConfigurationId } = opening;
      const requestId = uuidv5('1', opening.streamId);
      await dispatch.sendOutboundMessages(requestOf([contactOf(900)], { requestId, outboundConfigurationId }));
      const { error, accepted } = await streamContacts(dispatch, opening, contactsOf(250));
      expect([error?.reason, error?.detail.metadata, accepted.length]).toEqual([
        ...['REQUEST_ID_REUSED', { requestId, offset: '100' }, 1],
      ]);
    });

    it.each([200, 250])(
      'REQUEST_ID_REUSED: more contacts than the %d with which a stream was closed',
      async (length) => {
        const opening = openingOf();
        await streamContacts(dispatch, opening, contactsOf(length));
        const { error, resumeFrom } = await streamContacts(dispatch, opening, contactsOf(length + 1));
        expect([error?.reason, resumeFrom, error?.detail.metadata]).toEqual([
          ...['REQUEST_ID_REUSED', length, { streamId: opening.streamId, offset: String(length) }],
        ]);
        expect((await requests()).reduce((sum, { contacts }) => sum + contacts, 0)).toBe(length);
      },
    );

    it('TOO_MANY_CONTACTS: more than ten million', async () => {
      const opening = openingOf();
      // As if so many had been accepted; a stream without contacts stays open.
      await ending(openingStep(opening));
      await doors.ledger.asOwner('update outbound_stream set contacts = $2 where org_id = $1', [
        ...[org, STREAM_CONTACTS_MAX],
      ]);
      const error = await ending(openingStep(opening), contactsStep([contactOf(1)]));
      expect([error?.reason, error?.detail.metadata]).toEqual([
        'TOO_MANY_CONTACTS',
        { contactsMax: '10000000', offset: '10000000' },
      ]);
    });

    it('S18: MESSAGE_TOO_LARGE: contacts that make no request which SendOutboundMessages would take', async () => {
      const large = contactOf(1, { contextItems: { CustomerName: 'Ana', ...textsOf(50) } });
      const error = await ending(opened(), ...Array(99).fill(contactsStep([large])));
      expect([error?.reason, error?.detail.metadata]).toEqual([
        ...['MESSAGE_TOO_LARGE', { bytesMax: '1000000', offset: '0' }],
      ]);
      expect(await requests()).toEqual([]);
    });

    it('SCOPE_MISSING: a caller who may only read', async () => {
      const { error } = await streamContacts(doors.as({ org, scopes: ['read'] }), openingOf(), contactsOf(1));
      expect(error?.reason).toBe('SCOPE_MISSING');
    });
  });
});
