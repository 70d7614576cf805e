import { randomUUID } from 'node:crypto';
import { Channel } from '@herald/contracts/configuration';
import { Hold, Hold_Kind, MessageState, type SendReplyResponse } from '@herald/contracts/dispatch';
import { eventually } from '@herald/testing';
import { anyCaller, EVERY_RPC, type AnyCaller } from '../every-rpc';
import { contactOf, messageIdOf, requestOf } from '../requests';
import type { RunningHerald } from '../running-herald';

/** The kill switch must have worked by then. */
const STOPPED_WITHIN_MS = 5_000;
const REQUESTS = 6;
const CONTACTS = 100;
const REPLIES = 5;
/** Of three hundred messages most wait still when the calls that stop them are answered, however busy the machine is. */
const SLOW_SEGMENTS_PER_SECOND = 20;

/** What stops messages, and what is promised to agents. */
export function controlStories(herald: () => RunningHerald): void {
  describe('whoever is in control', () => {
    let caller: AnyCaller;

    beforeAll(() => {
      caller = anyCaller(herald());
    });
    afterAll(() => caller.close());

    /** An organisation that can send, and its user, who is an operator too. */
    const sender = async (org: string, segmentsPerSecond?: number) => {
      const made = await herald().organisation(org);
      if (segmentsPerSecond !== undefined) {
        const channel = Channel.fromPartial({ id: made.channelId, segmentsPerSecond });
        await herald()
          .as({ org })
          .configuration.updateChannel({ channel, updateMask: ['segments_per_second'] });
      }
      return { all: herald().as({ org, scopes: ['send', 'read', 'operator'] }), made };
    };
    type Sender = Awaited<ReturnType<typeof sender>>;
    const contacts = (count: number) =>
      Array.from({ length: count }, (_, index) =>
        contactOf({ toContactId: `+1425557${String(index).padStart(4, '0')}` }),
      );
    const send = async ({ all, made }: Sender, count: number) => {
      const request = requestOf(made.outboundConfigurationId, contacts(count));
      const { outboundRequest, results } = await all.dispatch.sendOutboundMessages(request);
      return { outboundRequestId: outboundRequest?.id ?? '', messageIds: results.map(messageIdOf) };
    };
    const ledgerOf = ({ all }: Sender) => all.dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });
    /** What the provider has of these messages, and when it came. */
    const receiptsOf = async (messageIds: readonly string[]) => {
      const answer = await fetch(`${herald().simulator.controlUrl}/receipts?limit=10000`);
      const { receipts } = (await answer.json()) as { receipts: { messageId: string; acceptedAt: string }[] };
      return receipts.filter(({ messageId }) => messageIds.includes(messageId));
    };

    it('S15: an organisation that is held under load sends nothing more within five seconds, until it is let go', async () => {
      const one = await sender('kill-switch');
      const sent = [];
      for (let request = 0; request < REQUESTS; request += 1) sent.push(await send(one, CONTACTS));
      const messageIds = sent.flatMap((each) => each.messageIds);
      await eventually(async () => expect((await receiptsOf(messageIds)).length).toBeGreaterThan(CONTACTS / 2));

      const hold = Hold.fromPartial({ kind: Hold_Kind.ORGANIZATION, note: 'a key was stolen' });
      const placed = await one.all.dispatch.placeHold({ requestId: randomUUID(), hold });
      const heldAtMs = Date.now();
      const late = await send(one, 1);
      // Another organisation goes on, and all that this one had on its way has come through meanwhile.
      const other = await sender('no-kill-switch');
      await send(other, 20);
      await eventually(async () => expect((await ledgerOf(other)).counts?.delivered).toBe(20));
      await eventually(async () => expect((await ledgerOf(one)).openSlicePositions).toBe(0));
      const received = await receiptsOf([...messageIds, ...late.messageIds]);
      const last = Math.max(...received.map(({ acceptedAt }) => new Date(acceptedAt).getTime()));
      expect(last - heldAtMs).toBeLessThan(STOPPED_WITHIN_MS);
      const { counts } = await ledgerOf(one);
      expect(counts?.queued).toBe(REQUESTS * CONTACTS + 1 - received.length);
      expect(counts?.queued).toBeGreaterThan(1);

      await one.all.dispatch.releaseHold({ holdId: placed.hold?.id ?? '' });
      await eventually(async () => {
        const ledger = await ledgerOf(one);
        expect(ledger).toMatchObject({ conserved: true, counts: { queued: 0, delivered: REQUESTS * CONTACTS + 1 } });
      }, 30_000);
      expect(await receiptsOf(messageIds)).toHaveLength(REQUESTS * CONTACTS);
    });

    it('S15 P3: requests stop within five seconds when paused under load, go on when resumed, and end when cancelled', async () => {
      const one = await sender('pauses', SLOW_SEGMENTS_PER_SECOND);
      const sent = [await send(one, CONTACTS), await send(one, CONTACTS), await send(one, CONTACTS)];
      const messageIds = sent.flatMap((each) => each.messageIds);
      /** What has come to the provider when nothing is on its way any more, all of it in time after a stop. */
      const stopped = async () => {
        const stoppedAtMs = Date.now();
        await eventually(async () => expect((await ledgerOf(one)).openSlicePositions).toBe(0));
        const received = await receiptsOf(messageIds);
        const times = received.map(({ acceptedAt }) => Date.parse(acceptedAt));
        expect(Math.max(...times) - stoppedAtMs).toBeLessThan(STOPPED_WITHIN_MS);
        return received.length;
      };
      const moreThan = (received: number) =>
        eventually(async () => expect((await receiptsOf(messageIds)).length).toBeGreaterThan(received));
      await moreThan(0);

      for (const request of sent) {
        const { outboundRequest } = await one.all.dispatch.pauseRequest(request);
        expect(outboundRequest?.paused).toBe(true);
      }
      const before = await stopped();
      const queued = messageIds.length - before;
      expect(await one.all.dispatch.getDispatchStatus({})).toMatchObject({ queued, held: queued, holds: sent.length });

      for (const request of sent) {
        const { outboundRequest } = await one.all.dispatch.resumeRequest(request);
        expect(outboundRequest?.paused).toBe(false);
      }
      await moreThan(before);

      for (const request of sent) await one.all.dispatch.cancelRequest(request).catch(isFinished);
      const received = await stopped();
      expect(received).toBeLessThan(messageIds.length);
      await eventually(async () => {
        const { counts, conserved } = await ledgerOf(one);
        expect(conserved).toBe(true);
        expect(counts).toMatchObject({ delivered: received, cancelled: messageIds.length - received });
      });
    });

    it('replies of a conversation reach the customer in their order', async () => {
      const one = await sender('0190a000-0000-7000-8000-00000000c003');
      const token = await herald().tokens.serviceToken('conversation', '0190a000-0000-7000-8000-00000000c003');
      const rpc = EVERY_RPC.find(({ name }) => name === 'SendReply');
      if (!rpc) throw new Error('there is no SendReply');
      const of = { channelId: one.made.channelId, conversationId: randomUUID(), toAddress: '+14255550142' };
      const messageIds: string[] = [];
      for (let place = 1; place <= REPLIES; place += 1) {
        const request = { ...of, requestId: randomUUID(), text: `Reply ${place}` };
        const outcome = await caller.call(rpc, token, request);
        if ('error' in outcome) throw outcome.error;
        messageIds.push((outcome.answer as SendReplyResponse).messageId);
      }
      await eventually(async () => {
        const { messages } = await one.all.dispatch.listMessages({
          ...{ outboundRequestId: '', states: [], pageSize: 0, pageToken: '' },
        });
        expect(messages.map(({ state }) => state)).toEqual(Array(REPLIES).fill(MessageState.DELIVERED));
      });
      expect((await receiptsOf(messageIds)).map(({ messageId }) => messageId)).toEqual(messageIds);
      expect(await one.all.dispatch.getQuota({})).toMatchObject({ used: 0 });
    });
  });
}

/** It was sent to its end before the call came. */
function isFinished(error: unknown): void {
  expect(error).toMatchObject({ reason: 'REQUEST_FINISHED' });
}
