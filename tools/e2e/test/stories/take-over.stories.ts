import { randomUUID } from 'node:crypto';
import { Channel, OutboundConfiguration } from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import { simulatorControl, type Connection, type KeptProcess, type SampleOrganisation } from '@herald/herald-cli';
import { eventually, overPace } from '@herald/testing';
import type { DistributedHerald } from '../distributed-herald';
import { contactOf, messageIdOf, requestOf } from '../requests';

/** Senders of the simulator's account, with some 15 seconds of messages each. */
const SLOW = { sender: '+15005550100', segmentsPerSecond: 10, messages: 100 };
const FAST = { sender: '54321', segmentsPerSecond: 50, messages: 500 };
const CONTACTS_PER_REQUEST = 100;
/** Some texts have ten segments, nearly as many as there can be. */
const LONG_EVERY = 25;
const LONG_NAME = 'Ana '.repeat(360).trim();
/** Each has found its pace by then, and its queue is still long. */
const RECEIVED_BEFORE = 20;
const OVER_WITHIN_MS = 90_000;

/** What is promised while a process that sends is replaced, and queues are long. */
export function takeOverStories(herald: () => DistributedHerald): void {
  describe('two senders with long queues, whose owner is replaced', () => {
    let all: Connection;
    let senders: Awaited<ReturnType<typeof backlog>>[];
    let receipts: Awaited<ReturnType<ReturnType<typeof simulatorControl>['all']>>;
    /** What waited in both queues when a message of another organisation had come. */
    let waiting: number;

    /** Has messages wait for a sender of the organisation. */
    const backlog = async (made: SampleOrganisation, { messages, ...choice }: typeof SLOW) => {
      const configurationId = await configurationOf(all, made, choice);
      const contacts = Array.from({ length: messages }, (_, index) => contactAt(index));
      const ids: string[] = [];
      while (ids.length < messages) {
        const part = contacts.slice(ids.length, ids.length + CONTACTS_PER_REQUEST);
        const { results } = await all.dispatch.sendOutboundMessages(requestOf(configurationId, part));
        ids.push(...results.map(messageIdOf));
      }
      return { ...choice, messageIds: new Set(ids) };
    };
    const ledgerOf = ({ dispatch }: Connection) => dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });
    const readReceipts = async () => {
      receipts = await simulatorControl(herald().simulator.controlUrl).all();
    };
    const receiptsOf = ({ messageIds }: { messageIds: ReadonlySet<string> }) =>
      receipts.filter(({ messageId }) => messageIds.has(messageId));
    /** Which process sends for the organisation by now. */
    const owner = async (): Promise<KeptProcess | undefined> => {
      const [lease] = await herald().test.asOwner<{ owner: string }>(
        `select owner from dispatch.lease
          where shard = (select shard from dispatch.batch
                          where org_id = (select org_id from dispatch.message where id = $1) limit 1)`,
        [[...(senders[0]?.messageIds ?? [])][0]],
      );
      return herald().senders.find(({ pid }) => lease?.owner.endsWith(`-${pid}`));
    };

    beforeAll(async () => {
      all = herald().as({ org: 'take-over' });
      const made = await herald().organisation('take-over');
      senders = await Promise.all([backlog(made, SLOW), backlog(made, FAST)]);
      await eventually(async () => {
        await readReceipts();
        for (const sender of senders) expect(receiptsOf(sender).length).toBeGreaterThan(RECEIVED_BEFORE);
      });
      const first = await owner();
      const replaced = first?.restart('SIGTERM');
      await eventually(async () => {
        const next = await owner();
        expect(next).toBeDefined();
        expect(next).not.toBe(first);
      });
      const small = herald().as({ org: 'take-over-small' });
      const { outboundConfigurationId } = await herald().organisation('take-over-small');
      await small.dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, [contactOf()]));
      await eventually(async () => expect((await ledgerOf(small)).counts?.delivered).toBe(1));
      waiting = (await ledgerOf(all)).counts?.queued ?? 0;
      await eventually(async () => {
        const { counts } = await ledgerOf(all);
        expect(counts).toMatchObject({ queued: 0, sending: 0, sent: 0 });
      }, OVER_WITHIN_MS);
      await replaced;
      await readReceipts();
    }, OVER_WITHIN_MS);

    it('P13: each gives its provider no more than its pace in any ten seconds, and a fast one in any second', () => {
      for (const sender of senders) {
        const times = receiptsOf(sender).map(({ receivedAtMs }) => receivedAtMs);
        expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(10_000);
        expect(overPace(sender.segmentsPerSecond, receiptsOf(sender))).toEqual([]);
      }
    });

    it('P12: a message of another organisation is not behind them, though the new owner found all of it at once', () => {
      expect(waiting).toBeGreaterThan((SLOW.messages + FAST.messages) / 4);
    });

    it('P20: every message comes once, and none is left unknown', async () => {
      for (const sender of senders) expect(receiptsOf(sender)).toHaveLength(sender.messageIds.size);
      const counts = { delivered: SLOW.messages + FAST.messages, unknown: 0 };
      expect(await ledgerOf(all)).toMatchObject({ conserved: true, discrepancies: [], counts });
    });
  });
}

function contactAt(index: number) {
  const contact = contactOf({ toContactId: `+1425558${String(index).padStart(4, '0')}` });
  if (index % LONG_EVERY !== 0) return contact;
  return { ...contact, contextItems: { ...contact.contextItems, CustomerName: LONG_NAME } };
}

/** A configuration that sends through this sender of the sample's account, at its pace. */
async function configurationOf(
  { configuration }: Connection,
  { channelAccountId, templateId }: SampleOrganisation,
  { sender, segmentsPerSecond }: Omit<typeof SLOW, 'messages'>,
): Promise<string> {
  const displayName = `Sender ${sender} at its pace`;
  const { channel } = await configuration.createChannel({
    requestId: randomUUID(),
    channel: Channel.fromPartial({
      ...{ channelAccountId, displayName, channelType: ChannelType.SMS, sender, segmentsPerSecond },
    }),
  });
  const channelId = channel?.id ?? '';
  await configuration.validateChannel({ channelId });
  const { outboundConfiguration } = await configuration.createOutboundConfiguration({
    requestId: randomUUID(),
    outboundConfiguration: OutboundConfiguration.fromPartial({
      ...{ name: displayName, channelType: ChannelType.SMS, channelId, templateId },
    }),
  });
  return outboundConfiguration?.id ?? '';
}
