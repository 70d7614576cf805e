import { chooseBatches, settleShare } from './choose';
import type { ClaimedSlice } from '../claim/claim';
import type { ReadyBatches, WaitingBatch } from './lanes';
import { makeReplyShare } from './reply-share';

const batch = (id: string, priority = 0): WaitingBatch => ({
  ...{ org: 'org', id, channelId: 'channel', priority, shard: 3, readyAtMs: 0, traceparent: undefined },
});
const both: ReadyBatches = { replies: [batch('reply', 1)], others: [batch('bulk')] };
const idsOf = (choice: ReturnType<typeof chooseBatches>) => choice?.batches.map(({ id }) => id);
const sliceOf = (batchId: string, messages: number) =>
  ({
    batchId,
    messages: Array.from({ length: messages }, () => ({ segments: 1 })),
  }) as unknown as ClaimedSlice;

describe('chooseBatches', () => {
  it('takes agents’ replies before all else', () => {
    expect(idsOf(chooseBatches(both, makeReplyShare(), true))).toEqual(['reply', 'bulk']);
  });

  it('takes what waits besides replies when it is owed its fifth, and no more of it', () => {
    const share = makeReplyShare();
    settleShare(both, share, [sliceOf('reply', 100)]);
    expect(chooseBatches(both, share, true)).toEqual({ batches: both.others, messagesMax: 25 });
    settleShare(both, share, [sliceOf('bulk', 25)]);
    expect(idsOf(chooseBatches(both, share, true))).toEqual(['reply', 'bulk']);
  });

  it('owes nothing for the time in which nothing else waited', () => {
    const share = makeReplyShare();
    settleShare({ ...both, others: [] }, share, [sliceOf('reply', 100)]);
    expect(idsOf(chooseBatches(both, share, true))).toEqual(['reply', 'bulk']);
  });

  it('takes replies alone while there is no room', () => {
    expect(idsOf(chooseBatches(both, makeReplyShare(), false))).toEqual(['reply']);
    expect(chooseBatches({ replies: [], others: both.others }, makeReplyShare(), false)).toBeUndefined();
  });

  it('takes nothing where nothing is ready', () => {
    expect(chooseBatches({ replies: [], others: [] }, makeReplyShare(), true)).toBeUndefined();
  });
});
