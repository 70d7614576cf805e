import { DeliveryGuarantee } from '@herald/contracts/configuration';
import { MessageState, type Message } from '@herald/contracts/dispatch';
import type { Connection, SampleOrganisation } from '@herald/herald-cli';
import { eventually } from '@herald/testing';
import { oneProcessHerald } from './one-process-herald';
import { contactOf, messageIdOf, requestOf } from './requests';
import type { RunningHerald } from './running-herald';

const MESSAGES = 10;
/** The shortest wait for a callback, the window of a slice, and a few looks. */
const SETTLED_WITHIN_MS = 40_000;

describe('outcomes that the answer to a send does not tell', () => {
  let herald: RunningHerald;
  let all: Connection;
  let made: SampleOrganisation;
  let number = 0;
  let organisations = 0;

  beforeAll(async () => {
    herald = await oneProcessHerald({ lookUpAfterSeconds: 1 });
  });
  // An organisation for each, with an account of its own: answers that are lost open the breaker of an account.
  beforeEach(async () => {
    const org = `outcomes-${(organisations += 1)}`;
    all = herald.as({ org });
    made = await herald.organisation(org);
  });
  afterAll(() => herald.stop());
  afterEach(async () => {
    await faults('none');
    const ledger = await all.dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });
    expect(ledger.discrepancies).toEqual([]);
  });

  const control = async <Answer>(path: string, init?: RequestInit): Promise<Answer> =>
    (await (await fetch(`${herald.simulator.controlUrl}${path}`, init)).json()) as Answer;
  const faults = (spec: string) => control('/faults', { method: 'POST', body: JSON.stringify({ faults: spec }) });
  /** Sends to numbers that nothing was sent to before. */
  const send = async (deliveryGuarantee = DeliveryGuarantee.UNSPECIFIED): Promise<string[]> => {
    const contacts = Array.from({ length: MESSAGES }, () =>
      contactOf({ toContactId: `+1425556${String((number += 1)).padStart(4, '0')}` }),
    );
    const request = requestOf(made.outboundConfigurationId, contacts, { deliveryGuarantee });
    const { results } = await all.dispatch.sendOutboundMessages(request);
    return results.map(messageIdOf);
  };
  const read = (ids: readonly string[]): Promise<Message[]> =>
    Promise.all(
      ids.map(async (messageId) => {
        const { message } = await all.dispatch.getMessage({ messageId });
        if (!message) throw new Error('the message is not there');
        return message;
      }),
    );
  const untilAll = (ids: readonly string[], state: MessageState, reason = '') =>
    eventually(async () => {
      const messages = await read(ids);
      expect(new Set(messages.map((one) => `${one.state} ${one.reason}`))).toEqual(new Set([`${state} ${reason}`]));
      return messages;
    }, SETTLED_WITHIN_MS);
  const receiptsOf = async (ids: readonly string[]) => {
    const { byMessage } = await control<{ byMessage: Record<string, number> }>('/receipts/summary?byMessage=true');
    return ids.map((id) => byMessage[id] ?? 0);
  };
  const sourcesOf = async (messageId: string) => {
    const { steps } = await all.dispatch.listMessageSteps({ messageId, pageSize: 0, pageToken: '' });
    return steps.map(({ source }) => source.replace('SOURCE_', ''));
  };
  const once = Array<number>(MESSAGES).fill(1);
  const never = Array<number>(MESSAGES).fill(0);

  it('P5: callbacks settle all of it when every answer is lost', async () => {
    await faults('drop:1');
    const ids = await send();
    await untilAll(ids, MessageState.DELIVERED);
    expect(await receiptsOf(ids)).toEqual(once);
    expect(await sourcesOf(ids[0] ?? '')).not.toContain('LOOK_UP');
  });

  it('P5: look-ups settle all of it when every answer and every callback is lost', async () => {
    await faults('drop:1,cb-drop:1');
    const ids = await send();
    await untilAll(ids, MessageState.DELIVERED);
    expect(await receiptsOf(ids)).toEqual(once);
    expect(await sourcesOf(ids[0] ?? '')).toEqual(['CALL', 'SEND', 'LOOK_UP']);
  });

  it('P3 P4: what the provider never had is failed if sent at most once, and sent again if at least once', async () => {
    await faults('500:1');
    const [atMost, atLeast] = [await send(DeliveryGuarantee.AT_MOST_ONCE), await send(DeliveryGuarantee.AT_LEAST_ONCE)];
    await untilAll([...atMost, ...atLeast], MessageState.UNKNOWN, 'PROVIDER_ERROR');
    await faults('none');
    await untilAll(atMost, MessageState.FAILED, 'UNKNOWN_OUTCOME');
    const sentAgain = await untilAll(atLeast, MessageState.DELIVERED);
    expect(sentAgain.map(({ attempt }) => attempt)).toEqual(Array(MESSAGES).fill(2));
    expect(await receiptsOf(atMost)).toEqual(never);
    expect(await receiptsOf(atLeast)).toEqual(once);
  });

  it('P4: what is sent at least once comes twice only where its first outcome was written down as unknown', async () => {
    await faults('drop:0.5,cb-drop:1');
    const ids = await send(DeliveryGuarantee.AT_LEAST_ONCE);
    await eventually(async () => {
      const states = (await read(ids)).map(({ state }) => state);
      expect(states.filter((state) => state !== MessageState.DELIVERED && state !== MessageState.SENT)).toEqual([]);
    }, SETTLED_WITHIN_MS);
    const receipts = await receiptsOf(ids);
    for (const [index, messageId] of ids.entries()) {
      const { steps } = await all.dispatch.listMessageSteps({ messageId, pageSize: 0, pageToken: '' });
      const unknown = steps.filter(({ state }) => state === MessageState.UNKNOWN).length;
      expect(receipts[index]).toBeLessThanOrEqual(1 + unknown);
      expect(receipts[index]).toBeGreaterThanOrEqual(1);
    }
  });
});
