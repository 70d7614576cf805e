import { randomUUID } from 'node:crypto';
import { OrganizationSettings } from '@herald/contracts/configuration';
import {
  StreamOpening,
  type LedgerCounts,
  type SendOutboundMessagesResponse,
  type StreamOutboundMessagesRequest,
} from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import { sendContacts, type ContactList } from '@herald/herald-cli';
import type { ReceiptSummary } from '@herald/simulator';
import { eventually } from '@herald/testing';
import { contactOf, messageIdOf, requestOf } from '../requests';
import type { RunningHerald } from '../running-herald';

const QUARTER_OF_AN_HOUR_MS = 900_000;

/** What callers are promised of the requests they send, each story with an organisation of its own. */
export function requestStories(herald: () => RunningHerald): void {
  describe('a request', () => {
    /** An organisation that can send, and its user. */
    const sender = async (org: string) => ({ all: herald().as({ org }), made: await herald().organisation(org) });
    const requests = async () => {
      const [row] = await herald().test.asOwner<{ requests: number }>(
        'select count(*)::int as requests from dispatch.outbound_request',
      );
      return row?.requests;
    };

    it('P2: many at once with one request id make one request and get one answer', async () => {
      const { all, made } = await sender('many-at-once');
      const contacts = [contactOf(), contactOf({ optin: false, toContactId: '+14255550178' })];
      const request = requestOf(made.outboundConfigurationId, contacts);
      const before = await requests();
      const answers = await Promise.all(Array.from({ length: 12 }, () => all.dispatch.sendOutboundMessages(request)));
      expect(await requests()).toBe((before ?? 0) + 1);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      const again = await all.dispatch.sendOutboundMessages({ ...request, requestId: request.requestId.toUpperCase() });
      expect(again).toEqual(answers[0]);
    });

    it('P2: a repeat gets its answer though the configuration was deactivated since, and spends nothing', async () => {
      const { all, made } = await sender('repeats');
      const request = requestOf(made.outboundConfigurationId, [contactOf()]);
      const first = await all.dispatch.sendOutboundMessages(request);
      await all.configuration.deactivateOutboundConfiguration(made);
      const { used } = await all.dispatch.getQuota({});
      for (let repeat = 0; repeat < 4; repeat += 1)
        expect(await all.dispatch.sendOutboundMessages(request)).toEqual(first);
      expect((await all.dispatch.getQuota({})).used).toBe(used);
    });

    it('P2: an id belongs to its caller: the same id of another subject is another request', async () => {
      const { all, made } = await sender('two-subjects');
      const request = requestOf(made.outboundConfigurationId, [contactOf()]);
      const first = await all.dispatch.sendOutboundMessages(request);
      const ben = herald().as({ org: 'two-subjects', subject: 'ben' });
      const other = await ben.dispatch.sendOutboundMessages(request);
      expect(other.outboundRequest?.id).not.toBe(first.outboundRequest?.id);
    });

    it('answers contacts that get no message with a reason each, and sends to the others', async () => {
      const { all, made } = await sender('some-refused');
      const contacts = [
        contactOf({ toContactId: '+999123' }),
        contactOf(),
        contactOf({ toContactId: '+1 (425) 555-0123' }),
        contactOf({ toContactId: '+14255550124', optin: false }),
        contactOf({ toContactId: '+14255550125', contextItems: { CustomerName: 'Ana' } }),
        contactOf({ toContactId: '+14255550126' }),
      ];
      const answer = await all.dispatch.sendOutboundMessages(requestOf(made.outboundConfigurationId, contacts));
      expect(answer.results.map(({ outcome }) => [outcome?.$case, reasonOf(outcome)])).toEqual([
        ['refused', 'ADDRESS_INVALID'],
        ['accepted', undefined],
        ['skipped', 'REPEATED_ADDRESS'],
        ['skipped', 'OPTED_OUT'],
        ['refused', 'SLUG_MISSING'],
        ['accepted', undefined],
      ]);
      await eventually(async () => {
        expect(await countsOf(all, answer)).toMatchObject({ contacts: 6, refused: 2, skipped: 2, delivered: 2 });
      });
    });

    it('P1 P3: every message of ten requests at once leaves once and is settled, and the ledger adds up', async () => {
      const { all, made } = await sender('settled');
      const contacts = Array.from({ length: 20 }, (_, index) => contactOf({ toContactId: `+142555502${10 + index}` }));
      const answers = await Promise.all(
        Array.from({ length: 10 }, () =>
          all.dispatch.sendOutboundMessages(requestOf(made.outboundConfigurationId, contacts)),
        ),
      );
      await eventually(async () => {
        const ledger = await all.dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });
        expect(ledger).toMatchObject({ requests: 10, conserved: true, discrepancies: [] });
        expect(ledger.counts).toMatchObject({ contacts: 200, delivered: 200 });
      });
      const byMessage = await receiptsByMessage(herald());
      const messageIds = answers.flatMap(({ results }) =>
        results.flatMap(({ outcome }) => (outcome?.$case === 'accepted' ? [outcome.value.messageId] : [])),
      );
      expect(messageIds.map((id) => byMessage[id])).toEqual(Array.from({ length: 200 }, () => 1));
    });

    it('P2 P3: a stream that broke is taken up where it stood, and every contact gets its message once', async () => {
      const { all, made } = await sender('streams');
      const listId = randomUUID();
      const contacts = Array.from({ length: 450 }, (_, index) =>
        contactOf({ toContactId: `+1425555${String(index).padStart(4, '0')}` }),
      );
      const list = { listId, outboundConfigurationId: made.outboundConfigurationId, contacts };
      expect(await breakAfter(2, all, list)).toBe(2);
      const taken: number[] = [];
      const sent = await sendContacts(all, list, { onSent: ({ offset }) => taken.push(offset) });
      // The third request, and the fourth, may have been accepted before the server noticed the break.
      expect([2, 3, 4]).toContain(5 - taken.length);
      expect(sent.map(({ offset, results }) => [offset, results.length])).toEqual(
        Array.from({ length: 5 }, (_, part) => [100 * part, part === 4 ? 50 : 100]),
      );
      const watched = await Promise.all(
        sent.map(({ id }) => lastOf(all.dispatch.watchRequest({ outboundRequestId: id }))),
      );
      const delivered = watched.map((answer) => answer?.outboundRequest?.counts?.delivered ?? 0);
      expect(delivered).toEqual(Array.from({ length: 5 }, (_, part) => (part === 4 ? 50 : 100)));
      const byMessage = await receiptsByMessage(herald());
      const messageIds = sent.flatMap(({ results }) => results.map(messageIdOf));
      expect(new Set(messageIds).size).toBe(450);
      expect(messageIds.filter((id) => byMessage[id] !== 1)).toEqual([]);
      expect(await all.dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' })).toMatchObject({
        ...{ requests: 5, conserved: true },
      });
      expect(await all.dispatch.getQuota({})).toMatchObject({ used: 5 });
    }, 60_000);

    it('P11: of many at once exactly so many are accepted as the hour allows, and the others hear when to come', async () => {
      const { all, made } = await sender('limited');
      await all.configuration.updateOrganizationSettings({
        settings: OrganizationSettings.fromPartial({ requestsPerHourMax: 5 }),
        updateMask: ['requests_per_hour_max'],
      });
      const sent = Array.from({ length: 20 }, () => requestOf(made.outboundConfigurationId, [contactOf()]));
      const outcomes = await Promise.all(
        sent.map((request) => all.dispatch.sendOutboundMessages(request).catch((error: unknown) => error)),
      );
      const refused = outcomes.filter((outcome) => outcome instanceof HeraldError);
      expect(refused.map(({ reason }) => reason)).toEqual(
        Array.from({ length: 15 }, () => 'HOURLY_REQUESTS_EXHAUSTED'),
      );
      for (const { detail } of refused) expect(detail.retryAfterMs).toBeGreaterThan(QUARTER_OF_AN_HOUR_MS);
      expect(await all.dispatch.getQuota({})).toMatchObject({ used: 5 });
      const accepted = outcomes.findIndex((outcome) => !(outcome instanceof HeraldError));
      expect(await all.dispatch.sendOutboundMessages(sent[accepted] as never)).toEqual(outcomes[accepted]);
    });
  });
}

type Sender = ReturnType<RunningHerald['as']>;
type Outcome = SendOutboundMessagesResponse['results'][number]['outcome'];

/** Streams a list and lets the connection break after so many answers; tells how many there were. */
async function breakAfter(answers: number, { dispatch }: Sender, list: ContactList): Promise<number> {
  const { listId: streamId, outboundConfigurationId, contacts } = list;
  const abort = new AbortController();
  async function* steps(): AsyncGenerator<StreamOutboundMessagesRequest> {
    const opening = StreamOpening.fromPartial({ streamId, outboundConfigurationId });
    yield { step: { $case: 'opening', value: opening } };
    for (let from = 0; from < contacts.length; from += 70) {
      yield { step: { $case: 'contacts', value: { contacts: contacts.slice(from, from + 70) } } };
    }
  }
  let accepted = 0;
  try {
    for await (const { step } of dispatch.streamOutboundMessages(steps(), { signal: abort.signal })) {
      if (step?.$case === 'accepted' && (accepted += 1) === answers) abort.abort();
    }
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  }
  return accepted;
}

async function lastOf<T>(answers: AsyncIterable<T>): Promise<T | undefined> {
  let last: T | undefined;
  for await (const answer of answers) last = answer;
  return last;
}

function reasonOf(outcome: Outcome): string | undefined {
  return outcome?.$case === 'accepted' ? undefined : outcome?.value.reason;
}

async function countsOf(
  { dispatch }: Sender,
  { outboundRequest }: SendOutboundMessagesResponse,
): Promise<LedgerCounts | undefined> {
  const found = await dispatch.getRequest({ outboundRequestId: outboundRequest?.id ?? '' });
  return found.outboundRequest?.counts;
}

/** How often the provider accepted each message. */
async function receiptsByMessage({ simulator }: RunningHerald): Promise<Readonly<Record<string, number>>> {
  const answer = await fetch(`${simulator.controlUrl}/receipts/summary?byMessage=true`);
  const { byMessage = {} } = (await answer.json()) as ReceiptSummary;
  return byMessage;
}
