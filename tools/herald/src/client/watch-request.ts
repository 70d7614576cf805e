import type { WatchRequestResponse } from '@herald/contracts/dispatch';
import type { Connection } from './connect';
import { patiently } from './patiently';

/** Watches a request until its messages are settled. A watch that breaks is taken up again, and tells nothing twice. */
export async function* watchRequest(
  { dispatch }: { dispatch: Pick<Connection['dispatch'], 'watchRequest'> },
  outboundRequestId: string,
): AsyncGenerator<WatchRequestResponse> {
  let told = '';
  let answers: AsyncIterator<WatchRequestResponse> | undefined;
  const next = async () => {
    answers ??= dispatch.watchRequest({ outboundRequestId })[Symbol.asyncIterator]();
    try {
      return await answers.next();
    } catch (error) {
      answers = undefined;
      throw error;
    }
  };
  try {
    for (let answer = await patiently(next); answer.done !== true; answer = await patiently(next)) {
      const counts = JSON.stringify(answer.value.outboundRequest?.counts);
      if (counts !== told) yield answer.value;
      told = counts;
    }
  } finally {
    await answers?.return?.();
  }
}
