import type { Connection, SampleOrganisation } from '@herald/herald-cli';
import { eventually } from '@herald/testing';
import { cutAtCommit, type Cut, type CutAtCommit } from './cut-at-commit';
import { oneProcessHerald } from './one-process-herald';
import { contactOf, requestOf } from './requests';
import type { RunningHerald } from './running-herald';

describe('a connection cut at the commit of a request', () => {
  let way: CutAtCommit;
  let herald: RunningHerald;
  let all: Connection;
  let made: SampleOrganisation;

  beforeAll(async () => {
    herald = await oneProcessHerald({
      dispatchDatabase: async (url) => {
        way = await cutAtCommit(url);
        return way;
      },
    });
    all = herald.as({ org: 'cut' });
    made = await herald.organisation('cut');
  });
  afterAll(() => herald.stop());

  const stored = async () => {
    const [row] = await herald.test.asOwner<{ requests: number; spent: number; messages: number }>(
      `select (select count(*)::int from dispatch.outbound_request) as requests,
              (select count(*)::int from dispatch.message) as messages,
              (select count(*)::int from dispatch.quota_entry) as spent`,
    );
    return row ?? { requests: 0, messages: 0, spent: 0 };
  };

  it.each<Cut>(['before the commit', 'after the commit'])('P2: %s, makes one request and one answer', async (cut) => {
    const request = requestOf(made.outboundConfigurationId, [contactOf(), contactOf({ toContactId: '+14255550124' })]);
    const before = await stored();
    const isCut = way.cutNext('outbound_request_insert', cut);
    // The client repeats what was UNAVAILABLE, so that its caller sees nothing of it.
    const answer = await all.dispatch.sendOutboundMessages(request);
    await isCut;
    expect(await all.dispatch.sendOutboundMessages(request)).toEqual(answer);
    expect(await stored()).toEqual({
      requests: before.requests + 1,
      messages: before.messages + 2,
      spent: before.spent + 1,
    });
    await eventually(async () => {
      const { outboundRequest } = await all.dispatch.getRequest({
        outboundRequestId: answer.outboundRequest?.id ?? '',
      });
      expect(outboundRequest?.counts?.delivered).toBe(2);
    });
  });
});
