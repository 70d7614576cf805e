import type { OutgoingMessage, SendOutcome } from '@herald/channels';
import { FakeClock } from '@herald/testing';
import type { ClaimedMessage, ClaimedSlice } from '../claim/claim';
import type { Departing } from './departures';
import type { Answer } from './places';
import type { Recorder } from '../record/recorder';
import { sendSlice, type SliceDeps } from './send-slice';
import type { Sender } from './senders';

const SEND_WINDOW_MS = 5_000;

const sender: Sender = {
  ...{ channelAccountId: 'account', address: '+14255550100', segmentsPerSecond: 10 },
  access: { accountId: 'AC1', apiBaseUrl: 'https://provider.example', secret: 'secret' },
  statusWebhookUrl: 'https://herald.example/v1/twilio/status/segment',
};
const messageOf = (position: number): ClaimedMessage => ({
  ...{ id: `message-${position}`, position, attempt: 2, segments: 1 },
  ...{ toAddress: `+1425555012${position}`, body: `text ${position}` },
});
const accepted: SendOutcome = { kind: 'accepted', providerId: 'SM1', status: 'queued', rank: 20 };

/** Writes down what it is told, and waits for nothing. */
class RecorderThatRemembers implements Pick<Recorder, 'begin' | 'record' | 'abandon'> {
  readonly begun: string[] = [];
  readonly abandoned: string[] = [];
  readonly outcomes = new Map<string, SendOutcome>();

  begin({ batchId }: ClaimedSlice): void {
    this.begun.push(batchId);
  }
  record(_slice: ClaimedSlice, message: ClaimedMessage, outcome: SendOutcome): void {
    this.outcomes.set(message.id, outcome);
  }
  abandon({ batchId }: ClaimedSlice): void {
    this.abandoned.push(batchId);
  }
}

/** How it stands when a slice is sent. */
interface Circumstances {
  mayStillSend?: () => boolean;
  refusal?: () => SendOutcome | undefined;
  beganMsAgo?: number;
  expiresInMs?: number;
}

type Send = (message: OutgoingMessage, mayLeave: () => boolean) => Promise<SendOutcome>;

const setUp = (send: Send = async () => accepted) => {
  const clock = new FakeClock();
  const recorder = new RecorderThatRemembers();
  const sent: OutgoingMessage[] = [];
  const refused: string[] = [];
  const turns: number[] = [];
  const answers: Answer[] = [];
  const ended: string[] = [];
  let inside = 0;
  const deps: SliceDeps = {
    channel: {
      send: (message, _access, mayLeave = () => true) => {
        sent.push(message);
        return send(message, mayLeave);
      },
    },
    ...{ recorder, monotonicMs: () => clock.monotonicMs() },
    onOutcomes: () => {},
    credentialsRefused: (org) => void refused.push(org),
  };
  const sliceOf = (messages: number, expiresInMs: number): ClaimedSlice => ({
    ...{ org: 'org', batchId: 'batch', lo: 1, hi: messages, channelId: 'channel', channelAccountId: 'account' },
    ...{ startsInMs: 0, expiresInMs, traceparent: null },
    messages: Array.from({ length: messages }, (_, index) => messageOf(index + 1)),
  });
  const run = (
    messages: number,
    { mayStillSend = () => true, refusal = () => undefined, beganMsAgo = 0, expiresInMs = 90_500 }: Circumstances = {},
  ) => {
    const claimBeganAtMs = clock.monotonicMs() - beganMsAgo;
    const turn = async ({ turnMs }: Departing) => {
      inside += 1;
      turns.push(turnMs);
      return {
        leave: (answer: Answer) => {
          inside -= 1;
          answers.push(answer);
        },
      };
    };
    return sendSlice(deps, sliceOf(messages, expiresInMs), {
      ...{ sender, claimBeganAtMs, startsAtMs: 1_000, isReply: false, mayStillSend, traceparent: undefined },
      ...{ turn, refusal, ended: ({ kind }: SendOutcome) => void ended.push(kind) },
    });
  };
  return { clock, recorder, sent, refused, run, turns, answers, ended, placesTaken: () => inside };
};

describe('sendSlice', () => {
  it('sends each message once, with our ids where the provider gives them back', async () => {
    const { recorder, sent, run, placesTaken } = setUp();
    await run(3);
    expect(recorder.begun).toEqual(['batch']);
    expect([...recorder.outcomes.keys()]).toEqual(['message-1', 'message-2', 'message-3']);
    expect(sent).toHaveLength(3);
    expect(sent[0]).toEqual({
      ...{ to: '+14255550121', from: '+14255550100', body: 'text 1', validForSeconds: 90 },
      statusCallbackUrl: 'https://herald.example/v1/twilio/status/segment?m=message-1&a=2#rc=5&rp=all',
    });
    expect(placesTaken()).toBe(0);
  });

  it('P13: asks for each message’s turn by the segments before it', async () => {
    const { run, turns } = setUp();
    await run(3);
    expect(turns).toEqual([1_000, 1_100, 1_200]);
  });

  it('P17: sends nothing to who is left alone by now, and says what became of each', async () => {
    const refusal = (): SendOutcome => ({ kind: 'not_sent', retryAfterMs: 1_000, reason: 'CONNECTION_FAILED' });
    const { run, sent, recorder, ended } = setUp();
    await run(2, { refusal });
    expect(sent).toEqual([]);
    expect([...recorder.outcomes.values()].map(({ kind }) => kind)).toEqual(['not_sent', 'not_sent']);
    expect(ended).toEqual(['not_sent', 'not_sent']);
  });

  it('says of each answer whether it was accepted or throttled, for how many requests the account takes', async () => {
    const outcomes: SendOutcome[] = [
      accepted,
      { kind: 'not_sent', retryAfterMs: 1_000, reason: 'THROTTLED' },
      { kind: 'unknown', reason: 'RESPONSE_TIMEOUT' },
    ];
    const { run, answers, ended } = setUp(async ({ body }) => outcomes[Number(body.slice(5)) - 1] ?? accepted);
    await run(3);
    expect(answers).toEqual(['accepted', 'throttled', 'other']);
    expect(ended).toEqual(['accepted', 'not_sent', 'unknown']);
  });

  it('P3: lets nothing go to a socket when the window since the claim is over', async () => {
    const { recorder, sent, run } = setUp();
    await run(1, { beganMsAgo: SEND_WINDOW_MS - 1 });
    expect(sent).toHaveLength(1);
    await run(2, { beganMsAgo: SEND_WINDOW_MS });
    expect(sent).toHaveLength(1);
    expect(recorder.outcomes.get('message-2')).toMatchObject({ kind: 'not_sent', reason: 'SEND_WINDOW_MISSED' });
  });

  it('P3: lets nothing go to a socket once the lease is lost, though it was good at the claim', async () => {
    const { recorder, sent, run } = setUp();
    let isGood = true;
    const sending = run(2, { mayStillSend: () => isGood });
    isGood = false;
    await sending;
    expect(sent).toEqual([]);
    expect([...recorder.outcomes.values()].map(({ kind }) => kind)).toEqual(['not_sent', 'not_sent']);
  });

  it('P3: asks again when a connection is there: what waited for one too long does not leave', async () => {
    const { clock, recorder, run } = setUp(async (_message, mayLeave) => {
      const before = mayLeave();
      clock.advance(SEND_WINDOW_MS);
      return { kind: 'refused', code: `${before} ${mayLeave()}`, reason: 'PROVIDER_REFUSED' };
    });
    await run(1);
    expect(recorder.outcomes.get('message-1')).toMatchObject({ code: 'true false' });
  });

  it('P14: lets nothing go to a socket that is not valid any more, though it was at the claim', async () => {
    const { sent, recorder, run } = setUp();
    await run(1, { expiresInMs: 500, beganMsAgo: 499 });
    expect(sent).toHaveLength(1);
    await run(2, { expiresInMs: 500, beganMsAgo: 500 });
    expect(sent).toHaveLength(1);
    expect(recorder.outcomes.get('message-2')).toMatchObject({ kind: 'not_sent' });
  });

  it('asks for new credentials when the provider refused them, and keeps the message', async () => {
    const { recorder, refused, run } = setUp(async () => ({
      ...{ kind: 'not_sent', retryAfterMs: 30_000, reason: 'ACCOUNT_AUTHENTICATION_FAILED' },
    }));
    await run(1);
    expect(refused).toEqual(['org']);
    expect(recorder.outcomes.get('message-1')?.kind).toBe('not_sent');
  });

  it('P1: leaves to recovery what a fault of ours left without an outcome, and records the rest', async () => {
    const { recorder, run, placesTaken } = setUp(async ({ body }) => {
      if (body === 'text 2') throw new Error('a fault of ours');
      return accepted;
    });
    await expect(run(3)).rejects.toThrow('a fault of ours');
    expect([...recorder.outcomes.keys()]).toEqual(['message-1', 'message-3']);
    expect(recorder.abandoned).toEqual(['batch']);
    expect(placesTaken()).toBe(0);
  });
});
