import { ConversationServiceClient } from '@herald/contracts/conversation';
import { HeraldError } from '@herald/errors';
import { eventually } from '@herald/testing';
import { grpcClient } from '../src';
import { fired, type TestServer } from './running-server';
import { answering, beat, beats, echo, endOf, MONITORED, offer, offered, state, streamServer } from './stream-server';

describe('streams of the client', () => {
  let test: TestServer;
  const by = answering();

  beforeAll(async () => {
    test = await streamServer(by);
  });
  beforeEach(() => Object.assign(by, answering()));
  afterAll(() => test.stop());

  it('opens a stream once, whatever it ends with: its caller knows where to go on', async () => {
    let opened = 0;
    const refuse = async function* (): AsyncGenerator<never> {
      opened += 1;
      yield* [];
      throw new HeraldError('DATABASE_BUSY', 'Not now.');
    };
    Object.assign(by, { monitor: refuse, session: refuse });
    const client = test.newConversationClient();
    expect((await endOf(client.monitorConversation(MONITORED))).error?.reason).toBe('DATABASE_BUSY');
    expect((await endOf(client.agentSession(beats(1)))).error?.reason).toBe('DATABASE_BUSY');
    expect(opened).toBe(2);
  });

  it('takes nothing more from its source when the server has ended the stream', async () => {
    by.session = async function* () {
      yield offer('enough');
    };
    const release = Promise.withResolvers<void>();
    let taken = 0;
    const source = (async function* () {
      for (;;) {
        taken += 1;
        yield beat(taken);
        if (taken > 2) await release.promise;
      }
    })();
    expect((await endOf(test.conversation.agentSession(source))).answers.map(offered)).toEqual(['enough']);
    release.resolve();
    await eventually(async () => expect(await source.next()).toMatchObject({ done: true }));
  });

  it('throws what its source throws, and gives the stream up', async () => {
    const signals: AbortSignal[] = [];
    by.session = async function* (requests, { signal }) {
      signals.push(signal);
      yield* echo(requests, undefined as never);
    };
    async function* broken() {
      yield beat(1);
      await eventually(() => expect(signals).toHaveLength(1));
      throw new RangeError('the list is broken');
    }
    const stream = test.conversation.agentSession(broken());
    await expect(endOf(stream)).rejects.toThrow('the list is broken');
    expect(await fired(signals[0] ?? AbortSignal.abort())).toMatchObject({ reason: 'CANCELLED' });
  });

  it('calls nobody for a caller that gave up before', async () => {
    let opened = 0;
    by.monitor = async function* () {
      opened += 1;
      yield state('one');
    };
    const signal = AbortSignal.abort(new HeraldError('DEADLINE_EXCEEDED', 'The outer call is over.'));
    const { error } = await endOf(test.conversation.monitorConversation(MONITORED, { signal }));
    expect([error?.reason, opened]).toEqual(['DEADLINE_EXCEEDED', 0]);
  });

  it('CANCELLED: ends the stream of a caller that gives up while its token is made', async () => {
    by.monitor = async function* (_, { signal }) {
      yield state('one');
      await fired(signal);
    };
    const abort = new AbortController();
    const token = async () => {
      abort.abort();
      return test.token;
    };
    const client = grpcClient(ConversationServiceClient, { url: test.url, token });
    const { answers, error } = await endOf(client.monitorConversation(MONITORED, { signal: abort.signal }));
    client.close();
    expect([answers, error?.reason]).toEqual([[], 'CANCELLED']);
  });

  it('says of a server that is not there what a call says', async () => {
    const gone = await streamServer(by);
    await gone.server.stop(0);
    const { error } = await endOf(gone.conversation.agentSession(beats(1)));
    expect([error?.reason, error?.retryable]).toEqual(['SERVICE_UNAVAILABLE', true]);
    await gone.stop();
  });
});
