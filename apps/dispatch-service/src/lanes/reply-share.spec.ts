import fc from 'fast-check';
import { makeReplyShare } from './reply-share';

describe('makeReplyShare', () => {
  it('leaves a fifth of a sender for which both wait to all but replies, whatever a claim and a message cost', () => {
    const claim = fc.integer({ min: 1, max: 400 });
    const message = fc.integer({ min: 1, max: 6 });
    fc.assert(
      fc.property(claim, message, message, (budget, replySegments, otherSegments) => {
        const share = makeReplyShare();
        const got = { replies: 0, others: 0 };
        const take = (segmentsMax: number, ofMessage: number) =>
          Math.max(1, Math.floor(segmentsMax / ofMessage)) * ofMessage;
        for (let turn = 0; turn < 500; turn += 1) {
          const owed = share.owed();
          const claimed =
            owed >= 1
              ? { replies: 0, others: take(Math.min(owed, budget), otherSegments) }
              : { replies: take(budget, replySegments), others: 0 };
          got.replies += claimed.replies;
          got.others += claimed.others;
          share.claimed(claimed);
        }
        const ratio = got.others / (got.others + got.replies);
        expect(Math.abs(ratio - 0.2)).toBeLessThan(0.04);
      }),
    );
  });

  it('owes nothing for the time in which only replies waited', () => {
    const share = makeReplyShare();
    share.claimed({ replies: 1_000, others: 0 });
    expect(share.owed()).toBe(250);
    share.settle();
    expect(share.owed()).toBe(0);
  });
});
