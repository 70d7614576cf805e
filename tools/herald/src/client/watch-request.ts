import type { WatchRequestResponse } from '@herald/contracts/dispatch';
import type { Connection } from './connect';
import { patiently } from './patiently';

/** Watches a request until its messages are settled. A watch that breaks is taken up again, and tells nothing twice. */
export async function* watchRequest(
  { dispatch }: { dispatch: Pick<Connection['dispatch'], 'watchRequest'> },
  outboundRequestId: string,
): AsyncGenerator<WatchRequestResponse> {
  let told = '';
  let answers = dispatch.watchRequest({ outboundRequestId })[Symbol.asyncIterator]();
  for (;;) {
    const next = await patiently(async () => {
      try {
        return await answers.next();
      } catch (error) {
        answers = dispatch.watchRequest({ outboundRequestId })[Symbol.asyncIterator]();
        throw error;
      }
    });
    if (next.done === true) return;
    const answer = next.value;
    const counts = JSON.stringify(answer.outboundRequest?.counts);
    if (counts !== told) yield answer;
    told = counts;
  }
}
