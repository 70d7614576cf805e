import type { LedgerCounts } from '@herald/contracts/dispatch';
import { newId } from '@herald/service';
import { callbackOf } from '../../test/callbacks';
import { deps, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { settleCallbacks } from '../delivery/settle-callbacks';
import { recordOutcomes } from '../record/record-outcomes';
import { checkLedger } from './check-ledger';

/** What is changed behind the product's back, and what the check must say of it. */
interface Tampering {
  description: string;
  tamper(request: StoredRequest): Promise<unknown>;
  /** The row that the check must name. */
  subject(request: StoredRequest): string;
  /** The messages are sending, not queued. */
  isClaimed?: boolean;
}

const firstMessage = ({ messageIds }: StoredRequest) => messageIds[0] ?? '';

describe('checkLedger', () => {
  let ledger: TestLedger;
  let epoch: string;

  beforeAll(async () => {
    ledger = await testLedger();
    epoch = await ledger.lease();
  });
  afterAll(() => ledger.close());

  const check = (org: string, requestId?: string) => checkLedger(ledger.database, org, requestId);
  const owner = (text: string, ...params: unknown[]) => ledger.asOwner(text, params);

  it('P1: is conserved over requests in every state, at every moment of their way', async () => {
    const org = newId();
    const conserved = async (counts: Partial<LedgerCounts>) => {
      const { conserved: isConserved, discrepancies, ...report } = await check(org);
      expect(discrepancies).toEqual([]);
      expect(isConserved).toBe(true);
      expect(report).toMatchObject({ counts, requests: 2 });
    };
    const request = await ledger.accept({ org, messages: 4, skipped: 2, refused: 3 });
    const expired = await ledger.accept({ org, messages: 1, validForMs: -1 });
    await conserved({ contacts: 10, refused: 3, skipped: 2, queued: 5, refusedByReason: { ADDRESS_INVALID: 3 } });

    await expect(ledger.claim(expired, epoch)).rejects.toThrow('nothing was claimed');
    const slice = await ledger.claim(request, epoch);
    await conserved({ contacts: 10, refused: 3, skipped: 2, sending: 4, expired: 1 });

    const [sent, refused, notSent, unknown] = slice.messages.map((message) => ({ slice, message }));
    if (!sent || !refused || !notSent || !unknown) throw new Error('four messages were not claimed');
    await ledger.database.worker((tx) =>
      recordOutcomes(tx, deps, {
        outcomes: [
          { ...sent, outcome: { kind: 'accepted', providerId: 'SM1', status: 'queued', rank: 20 } },
          { ...refused, outcome: { kind: 'refused', code: '21610', reason: 'OPTED_OUT_AT_PROVIDER' } },
          { ...notSent, outcome: { kind: 'not_sent', retryAfterMs: 1_000, reason: 'THROTTLED' } },
          { ...unknown, outcome: { kind: 'unknown', reason: 'CONNECTION_RESET' } },
        ],
        slices: [slice],
      }),
    );
    await conserved({ contacts: 10, sent: 1, failed: 1, queued: 1, unknown: 1, expired: 1 });

    // Twilio says partially_delivered of a message of several parts: proof of delivery, and no contradiction.
    for (const [index, status] of ['read', 'sent', 'queued', 'partially_delivered'].entries()) {
      await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, index, status)]));
    }
    await conserved({ contacts: 10, read: 1, failed: 1, queued: 1, delivered: 1, expired: 1 });
  });

  it('counts one request alone where one is asked for, and throws REQUEST_NOT_FOUND where there is none', async () => {
    const org = newId();
    const request = await ledger.accept({ org, messages: 2 });
    await ledger.accept({ org, messages: 5 });
    expect(await check(org, request.id)).toMatchObject({ requests: 1, counts: { contacts: 2, queued: 2 } });
    await expect(check(org, newId())).rejects.toMatchObject({ reason: 'REQUEST_NOT_FOUND' });
    await expect(check(newId(), request.id)).rejects.toMatchObject({ reason: 'REQUEST_NOT_FOUND' });
  });

  it('tells how many messages a death at this moment could leave unknown', async () => {
    const org = newId();
    const request = await ledger.accept({ org, messages: 6 });
    await ledger.claim(request, epoch, 2);
    expect((await check(org)).openSlicePositions).toBe(4);
    await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, 'sent')]));
    expect((await check(org)).openSlicePositions).toBe(3);
  });

  const tamperings: Tampering[] = [
    {
      description: '4 contacts, but the states add up to 3',
      tamper: ({ id }) => owner('update outbound_request set contacts = 4 where id = $1', id),
      subject: ({ id }) => id,
    },
    {
      description: '3 contacts, but the states add up to 2',
      tamper: (request) => owner('delete from message where id = $1', firstMessage(request)),
      subject: ({ id }) => id,
    },
    {
      description: 'refused is 1, but its reasons add up to 0',
      tamper: ({ id }) => owner('update outbound_request set refused = 1 where id = $1', id),
      subject: ({ id }) => id,
    },
    {
      description: 'messages of a request that is not there',
      tamper: ({ id }) => owner('delete from outbound_request where id = $1', id),
      subject: ({ id }) => id,
    },
    {
      description: 'the message is sending, but no open slice covers its position: its outcome would never come',
      tamper: ({ batchId }) => owner('update slice set lo = 2 where batch_id = $1', batchId),
      subject: firstMessage,
      isClaimed: true,
    },
    {
      description: 'two messages hold the same position of a batch',
      tamper: (request) => owner('update message set position = 2 where id = $1', firstMessage(request)),
      subject: firstMessage,
    },
    {
      description: 'the message lies outside its batch, or its batch is missing: it would never be claimed',
      tamper: (request) => owner('update message set position = 4 where id = $1', firstMessage(request)),
      subject: firstMessage,
    },
    {
      description: 'the message lies outside its batch, or its batch is missing: it would never be claimed',
      tamper: ({ batchId }) => owner('delete from batch where id = $1', batchId),
      subject: firstMessage,
    },
    {
      description: 'the message lies outside its batch, or its batch is missing: it would never be claimed',
      tamper: ({ batchId, messageIds }) =>
        owner('update batch set first_id = $2 where id = $1', batchId, messageIds[1]),
      subject: firstMessage,
    },
    {
      description: 'the unclaimed part of the batch misses messages: positions would be passed with nothing to send',
      tamper: ({ batchId }) => owner('update batch set size = 4 where id = $1', batchId),
      subject: ({ batchId }) => batchId,
    },
    {
      description: 'the message waits to be sent but has no address and text',
      tamper: (request) => owner('delete from message_body where id = $1', firstMessage(request)),
      subject: firstMessage,
    },
    {
      description: 'the message shows more delivery than the evidence of its only attempt proves',
      tamper: (request) => owner('update message set rank = 70, best = 90 where id = $1', firstMessage(request)),
      subject: firstMessage,
      isClaimed: true,
    },
    {
      description: 'the message is unknown, and nobody is to ask after its batch: it would be so for ever',
      tamper: async (request) => {
        await owner('update message set rank = 1 where id = $1', firstMessage(request));
        await owner('update batch set check_at = null where id = $1', request.batchId);
      },
      subject: firstMessage,
      isClaimed: true,
    },
    {
      description: 'the message is to be sent at most once, and got a new attempt on a guess',
      tamper: (request) =>
        owner(
          `insert into message_step (org_id, message_id, id, attempt, at, state, rank, reason, source)
           select $1, $2, uuid.id, uuid.attempt, now(), uuid.state, uuid.rank, uuid.reason, 'LOOK_UP'
             from (values ($3::uuid, 1, 'UNKNOWN', 1, 'CONNECTION_RESET'), ($4, 2, 'QUEUED', null, 'NOT_FOUND_AT_PROVIDER'))
                  as uuid (id, attempt, state, rank, reason)`,
          ...[request.org, firstMessage(request), newId(), newId()],
        ),
      subject: firstMessage,
    },
    {
      description: 'the provider id names a message that is not there',
      tamper: ({ org, channelAccountId, batchId }) =>
        owner(
          `insert into provider_ref (org_id, channel_account_id, provider_id, message_id, attempt, created_at)
           values ($1, $2, 'SM-stray', $3, 1, now())`,
          ...[org, channelAccountId, batchId],
        ),
      subject: () => 'SM-stray',
    },
  ];

  it.each(tamperings.map((tampering, index) => ({ ...tampering, index })))(
    'P1: finds tampering $index and names the row: $description',
    async ({ description, tamper, subject, isClaimed }) => {
      const org = newId();
      const request = await ledger.accept({ org, messages: 3 });
      const whole = await ledger.accept({ org, messages: 3 });
      if (isClaimed) await ledger.claim(request, epoch);
      expect((await check(org)).conserved).toBe(true);
      await tamper(request);
      const { conserved, discrepancies } = await check(org);
      expect(conserved).toBe(false);
      expect(discrepancies).toContainEqual({ subject: subject(request), description });
      expect(await check(org, whole.id)).toMatchObject({ conserved: true, discrepancies: [] });
      expect((await check(newId())).conserved).toBe(true);
    },
  );

  it('names some of many rows of one kind, enough to act on', async () => {
    const org = newId();
    const request = await ledger.accept({ org, messages: 50 });
    await owner('delete from message_body where id = any($1)', request.messageIds);
    expect((await check(org)).discrepancies).toHaveLength(20);
  });

  it('reads one moment, though messages move on while it counts', async () => {
    const org = newId();
    const request = await ledger.accept({ org, messages: 20 });
    const settling = async () => {
      await ledger.claim(request, epoch);
      for (const index of request.messageIds.keys()) {
        await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, index, 'delivered')]));
      }
    };
    const settled = settling();
    for (let round = 0; round < 10; round += 1) expect((await check(org)).discrepancies).toEqual([]);
    await settled;
    expect((await check(org)).counts?.delivered).toBe(20);
  });
});
