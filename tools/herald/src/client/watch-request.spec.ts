import { WatchRequestResponse, type WatchRequestRequest } from '@herald/contracts/dispatch';
import { HeraldError } from '@herald/errors';
import { watchRequest } from './watch-request';

const counting = (delivered: number) =>
  WatchRequestResponse.fromPartial({ outboundRequest: { id: 'one', counts: { contacts: 3, delivered } } });

/** Each watch tells its counts, and then breaks; the last one ends. */
function dispatchThatBreaks(...watches: number[][]) {
  const requests: WatchRequestRequest[] = [];
  async function* answering(request: WatchRequestRequest) {
    requests.push(request);
    for (const delivered of watches.shift() ?? []) yield counting(delivered);
    if (watches.length > 0) throw new HeraldError('STREAM_EXPIRED', 'It has lived its time.');
  }
  return { requests, dispatch: { watchRequest: answering } };
}

describe('watchRequest', () => {
  it('takes up a watch that breaks, and tells nothing twice', async () => {
    const connection = dispatchThatBreaks([0, 1], [1], [1, 2, 3]);
    const told: (number | undefined)[] = [];
    for await (const { outboundRequest } of watchRequest(connection, 'one'))
      told.push(outboundRequest?.counts?.delivered);
    expect(told).toEqual([0, 1, 2, 3]);
    expect(connection.requests).toEqual(Array(3).fill({ outboundRequestId: 'one' }));
  });

  it('lets its watch go when nobody reads any more', async () => {
    let isLetGo = false;
    async function* watched() {
      try {
        for (let delivered = 0; ; delivered += 1) yield counting(delivered);
      } finally {
        isLetGo = true;
      }
    }
    const watching = watchRequest({ dispatch: { watchRequest: watched } }, 'one');
    await watching.next();
    await watching.return(undefined);
    expect(isLetGo).toBe(true);
  });

  it('gives up on a request that there is none of', async () => {
    const dispatch = {
      watchRequest: async function* (): AsyncGenerator<WatchRequestResponse> {
        yield* [];
        throw new HeraldError('REQUEST_NOT_FOUND', 'There is none.');
      },
    };
    await expect(watchRequest({ dispatch }, 'one').next()).rejects.toMatchObject({ reason: 'REQUEST_NOT_FOUND' });
  });
});
