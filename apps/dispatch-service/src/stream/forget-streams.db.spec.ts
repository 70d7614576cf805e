import { newId } from '@herald/service';
import { ORG, testLedger, type TestLedger } from '../../test/ledger';
import { keepHouse } from '../upkeep/housekeeping';

describe('keeping house of streams', () => {
  let ledger: TestLedger;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(() => ledger.asOwner('truncate outbound_stream, outbound_stream_address'));

  /** A stream with so many addresses; the SQL says when it began, and when it was closed. */
  const stream = async (addresses: number, { created = 'now()', closed = 'null' } = {}) => {
    const id = newId();
    await ledger.asOwner(
      `insert into outbound_stream (org_id, caller, stream_id, id, opening_hash, request_size, salt, created_at, closed_at)
       values ($1, 'spec', $2, $2, '', 100, '', ${created}, ${closed})`,
      [ORG, id],
    );
    await ledger.asOwner(
      `insert into outbound_stream_address (org_id, outbound_stream_id, address_hash, opted_out)
       select $1, $2, decode(md5(n::text), 'hex'), false from generate_series(1, $3::int) n`,
      [ORG, id, addresses],
    );
    return id;
  };
  const left = () =>
    ledger.asOwner<{ id: string; addresses: number }>(
      `select id, (select count(*)::int from outbound_stream_address seen where seen.outbound_stream_id = stream.id) as addresses
         from outbound_stream stream order by id`,
    );

  it('removes the addresses of a stream that was closed, however many, and keeps those of one that may go on', async () => {
    const closed = await stream(12_000, { closed: 'now()' });
    const open = await stream(3);
    await keepHouse(ledger.database);
    expect(await left()).toEqual([
      { id: closed, addresses: 0 },
      { id: open, addresses: 3 },
    ]);
  });

  it('leaves no address behind where several replicas keep house at once', async () => {
    for (let streams = 0; streams < 3; streams += 1) await stream(9_000, { closed: 'now()' });
    await Promise.all([1, 2, 3].map(() => keepHouse(ledger.database)));
    // Whoever came second may have left all of it to the first, who goes on.
    expect((await left()).filter(({ addresses }) => addresses > 0)).toEqual([]);
  });

  it('removes all of a stream after thirty days, when its request ids are forgotten too', async () => {
    const days = (number: number) => `now() - interval '${number} days'`;
    await stream(2, { created: days(31) });
    await stream(2, { created: days(31), closed: days(31) });
    const kept = await stream(2, { created: days(29), closed: days(29) });
    await keepHouse(ledger.database);
    expect(await left()).toEqual([{ id: kept, addresses: 0 }]);
  });

  it('comes to an end over more streams than it takes at once', async () => {
    for (let streams = 0; streams < 150; streams += 1) await stream(1, { closed: 'now()' });
    await keepHouse(ledger.database);
    expect((await left()).filter(({ addresses }) => addresses > 0)).toEqual([]);
  });
});
