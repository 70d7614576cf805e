import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Channel } from '@herald/contracts/configuration';
import type { ContactResult } from '@herald/contracts/dispatch';
import { removeLocalServer } from '@herald/postgres/local-server';
import { startInOrder } from '@herald/service';
import { eventually, overPace } from '@herald/testing';
import { connect, type Connection } from '../src/client/connect';
import type { Dispatching } from '../src/client/contact-list';
import { sendContacts } from '../src/client/send-contacts';
import { heraldProcess, type HeraldProcess } from '../src/demo/herald-process';
import { simulatorControl } from '../src/demo/simulator-control';
import { sampleContacts } from '../src/sample/contacts';
import { makeSampleOrganisation } from '../src/sample/organisation';
import { stopSimulator } from '../src/system/simulator-process';

const USER = { org: 'streaming', scopes: ['configure', 'send', 'read'] as const, subject: 'ana' };
/** Lists that wait at their senders meanwhile: for more than 10 s, whatever of them is never sent because of the kill. */
const PACED = [
  { org: 'slow', segmentsPerSecond: 10, contacts: 150 },
  { org: 'fast', segmentsPerSecond: 50, contacts: 800 },
];
/** A process starts twice here, beside whatever else a run does. */
jest.setTimeout(150_000);

describe('a stream to a Herald that is killed', () => {
  const parts = startInOrder();
  let home: string;
  let herald: HeraldProcess;
  let connection: Connection;

  /** Starts a process on the home; the connection is to it from then on. */
  const begin = async () => {
    herald = await heraldProcess(home, ['--simulator-outcomes', 'delivered=1']);
    connection = await connect(home, {}, USER);
  };

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'herald-stream-kill-'));
    await parts.add(async () => ({ stop: () => rm(home, { recursive: true, force: true }) }));
    await parts.add(async () => ({ stop: () => removeLocalServer(join(home, 'postgres')) }));
    await parts.add(async () => ({ stop: () => stopSimulator(home) }));
    await begin();
    await parts.add(async () => ({ stop: () => herald.stop() }));
    await parts.add(async () => ({ stop: async () => connection.close() }));
  });
  afterAll(() => parts.stop());

  /** Has a list wait at a sender, some of its texts of many segments. */
  const paced = async ({ org, segmentsPerSecond, contacts }: (typeof PACED)[number]) => {
    const caller = await connect(home, {}, { ...USER, org });
    const simulatorUrl = herald.file.simulator?.url ?? '';
    const { channelId: id, outboundConfigurationId } = await makeSampleOrganisation(caller, { org, simulatorUrl });
    const channel = Channel.fromPartial({ id, segmentsPerSecond });
    await caller.configuration.updateChannel({ channel, updateMask: ['segments_per_second'] });
    const list = sampleContacts(contacts).map(({ contact }, index) =>
      index % 25 === 0 ? { ...contact, customerName: 'Ana '.repeat(130).trim() } : contact,
    );
    const sent = await sendContacts(
      caller,
      { listId: randomUUID(), outboundConfigurationId, contacts: list },
      { onSent: () => undefined },
    );
    caller.close();
    return { segmentsPerSecond, messageIds: new Set(sent.flatMap(messagesOf)) };
  };

  it('P1 P2 P3 P13: goes on when it is back, each sender at its pace, and nobody gets a second message', async () => {
    const simulatorUrl = herald.file.simulator?.url ?? '';
    const { outboundConfigurationId } = await makeSampleOrganisation(connection, { org: USER.org, simulatorUrl });
    const provider = simulatorControl(herald.file.simulator?.control ?? '');
    const beside = await Promise.all(PACED.map(paced));
    await eventually(async () => expect(await provider.received()).toBeGreaterThan(60));
    const contacts = sampleContacts(550).map(({ contact }) => contact);
    // Each call takes the connection of its moment.
    const dispatch: Dispatching['dispatch'] = {
      sendOutboundMessages: (request) => connection.dispatch.sendOutboundMessages(request),
      streamOutboundMessages: (steps) => connection.dispatch.streamOutboundMessages(steps),
    };
    let killing: Promise<void> | undefined;
    const killOnce = async () => {
      const before = connection;
      await herald.kill();
      await begin();
      before.close();
    };
    const sent = await sendContacts(
      { dispatch },
      { listId: randomUUID(), outboundConfigurationId, contacts },
      { onSent: ({ offset }) => (offset === 200 ? (killing ??= killOnce()) : undefined) },
    );
    await killing;
    expect(sent.map(({ offset, results }) => [offset, results.length])).toEqual(
      Array.from({ length: 6 }, (_, part) => [100 * part, part === 5 ? 50 : 100]),
    );
    await eventually(async () => {
      const ledger = await connection.dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });
      expect(ledger).toMatchObject({
        requests: 6,
        conserved: true,
        counts: { contacts: 550, queued: 0, sending: 0 },
      });
    }, 60_000);
    const { byMessage } = await provider.receipts();
    const streamed = sent.flatMap(messagesOf);
    const accepted = [...streamed, ...beside.flatMap(({ messageIds }) => [...messageIds])];
    expect(new Set(accepted).size).toBe(accepted.length);
    expect(Object.values(byMessage).filter((receipts) => receipts !== 1)).toEqual([]);
    expect(Object.keys(byMessage).filter((id) => !accepted.includes(id))).toEqual([]);
    for (const { segmentsPerSecond, messageIds } of beside) {
      const ofSender = await eventually(async () => {
        const receipts = (await provider.all()).filter(({ messageId }) => messageIds.has(messageId));
        const times = receipts.map(({ receivedAtMs }) => receivedAtMs);
        expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(10_000);
        return receipts;
      }, 60_000);
      expect(overPace(segmentsPerSecond, ofSender)).toEqual([]);
    }
  });
});

function messagesOf({ results }: { results: readonly ContactResult[] }): string[] {
  return results.flatMap(({ outcome }) => (outcome?.$case === 'accepted' ? [outcome.value.messageId] : []));
}
