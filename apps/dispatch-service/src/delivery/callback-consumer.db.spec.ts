import type { BusRecord } from '@herald/bus';
import { ProviderCallbacks, type ProviderCallback } from '@herald/contracts/event';
import { HeraldError } from '@herald/errors';
import { callbackOf } from '../../test/callbacks';
import { deps, testLedger, type TestLedger } from '../../test/ledger';
import { callbackConsumer } from './callback-consumer';

const recordOf = (...callbacks: ProviderCallback[]): BusRecord => ({
  ...{ topic: 'herald.callback.v1', key: 'key', id: 'id', type: 'herald.event.v1.ProviderCallbacks' },
  ...{ time: new Date(), source: 'webhook-gateway', payload: ProviderCallbacks.encode({ callbacks }).finish() },
});

describe('callbackConsumer', () => {
  let ledger: TestLedger;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());

  const sending = async (messages: number) => {
    const epoch = await ledger.lease();
    const request = await ledger.accept({ messages });
    await ledger.claim(request, epoch);
    return request;
  };
  /** A consumer, with the number of callbacks that each of its transactions changed something by. */
  const consumer = (database = ledger.database) => {
    const changed: number[] = [];
    const onSettled = (settled: { changed: number }) => changed.push(settled.changed);
    return { changed, settle: callbackConsumer({ ...deps, database, onSettled }) };
  };

  it('settles what several records brought in one transaction, and no more than 500 callbacks', async () => {
    const request = await sending(3);
    const { changed, settle } = consumer();
    const sent = [0, 1, 2].map((index) => callbackOf(request, index, 'sent'));
    await settle([recordOf(sent[0]!, sent[1]!), recordOf(sent[2]!)]);
    expect(changed).toEqual([3]);
    const many = Array.from({ length: 500 }, () => callbackOf(request, 0, 'queued'));
    await settle([recordOf(...many, callbackOf(request, 1, 'delivered'))]);
    expect(changed).toEqual([3, 0, 1]);
    expect(await ledger.states(request)).toEqual(['SENT', 'DELIVERED', 'SENT']);
  });

  it('P16: settles the neighbours of one that cannot be, and throws for that one', async () => {
    const request = await sending(3);
    const { changed, settle } = consumer();
    const poison = callbackOf(request, 1, 'delivered', { providerMessageId: 'SM\u0000' });
    await expect(
      settle([recordOf(callbackOf(request, 0, 'delivered'), poison, callbackOf(request, 2, 'delivered'))]),
    ).rejects.toMatchObject({ code: '22021' });
    expect(await ledger.states(request)).toEqual(['DELIVERED', 'SENDING', 'DELIVERED']);
    expect(changed).toEqual([1, 1]);
  });

  it('asks a database that is away once, not for each callback', async () => {
    let asked = 0;
    const away = {
      ...ledger.database,
      worker: () => {
        asked += 1;
        return Promise.reject(new HeraldError('DATABASE_UNAVAILABLE', 'The database does not answer.'));
      },
    };
    const request = await sending(2);
    const { settle } = consumer(away);
    const record = recordOf(callbackOf(request, 0, 'sent'), callbackOf(request, 1, 'sent'));
    await expect(settle([record])).rejects.toMatchObject({ reason: 'DATABASE_UNAVAILABLE' });
    expect(asked).toBe(1);
  });
});
