import { newId } from '@herald/service';
import { deps, ORG, testLedger, type TestLedger } from '../test/ledger';
import { callbackOf } from '../test/callbacks';
import { MessageChanges } from '@herald/contracts/event';
import { settleCallbacks } from './delivery/settle-callbacks';
import { stateOf } from './evidence/merge';

/** Every rank that evidence can have; libs/channels names the provider's, from 10 on. */
const RANKS = [null, 1, 2, 3, 4, 5, 10, 15, 20, 30, 40, 50, 60, 61, 70, 80, 90];
const BESTS = [0, 80, 90];
const BEST_OF_RANK = [
  [90, 90],
  [70, 80],
] as const;
const EITHER = [false, true];

interface Combination {
  rank: number | null;
  best: number;
  isClaimed: boolean;
  isCancelled: boolean;
  isExpired: boolean;
}

const COMBINATIONS: Combination[] = RANKS.flatMap((rank) =>
  BESTS.flatMap((best) =>
    EITHER.flatMap((isClaimed) =>
      EITHER.flatMap((isCancelled) => EITHER.map((isExpired) => ({ rank, best, isClaimed, isCancelled, isExpired }))),
    ),
  ),
);

/** What the documented table says: an outcome decides; without one, expiry, and then the place in the batch. */
function expected({ isClaimed, isCancelled, ...message }: Combination): string {
  const hasOutcome = message.rank !== null || message.best > 0 || message.isExpired;
  if (hasOutcome) return stateOf(message);
  if (isClaimed) return 'SENDING';
  return isCancelled ? 'CANCELLED' : 'QUEUED';
}

/** A merge writes `best` with the rank that proves it, so that a message never shows less delivery than its rank. */
function canBe({ rank, best }: Combination): boolean {
  const proven = BEST_OF_RANK.find(([least]) => (rank ?? 0) >= least)?.[1] ?? 0;
  return best >= proven;
}

describe('message_state', () => {
  let ledger: TestLedger;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());

  /** Stores a message for each combination, each in a batch of its own. */
  const store = async (combinations: readonly Combination[]): Promise<string[]> => {
    const ids = combinations.map(() => newId());
    const column = <Value>(value: (combination: Combination) => Value) => combinations.map(value);
    await ledger.asOwner(
      `with wanted as (
         select * from unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::smallint[], $6::boolean[], $7::boolean[], $8::boolean[])
                as w (id, batch_id, rank, best, is_claimed, is_cancelled, is_expired)),
       batches as (
         insert into batch (org_id, id, shard, channel_id, channel_account_id, priority, delivery_guarantee, ready_at,
                            expires_at, size, claimed_to, cancelled_at, first_id, last_id, created_at)
         select $1, batch_id, 0, $1, $1, 0, 'AT_MOST_ONCE', now(), now(), 1, is_claimed::int,
                case when is_cancelled then now() end, id, id, now()
           from wanted)
       insert into message (org_id, id, outbound_request_id, contact_index, batch_id, position, rank, best, expired_at,
                            created_at, updated_at)
       select $1, id, $1, 0, batch_id, 1, rank, best, case when is_expired then now() end, now(), now() from wanted`,
      [
        ...[ORG, ids, ids.map(() => newId())],
        column(({ rank }) => rank),
        column(({ best }) => best),
        column(({ isClaimed }) => isClaimed),
        column(({ isCancelled }) => isCancelled),
        column(({ isExpired }) => isExpired),
      ],
    );
    return ids;
  };
  const stateById = async () => {
    const rows = await ledger.asOwner<{ id: string; state: string }>('select id, state from message_state');
    return new Map(rows.map(({ id, state }) => [id, state]));
  };

  it('shows for every combination of what is stored the state that stateOf announces', async () => {
    const combinations = COMBINATIONS.filter(canBe);
    const ids = await store(combinations);
    const states = await stateById();
    const wrong = combinations.flatMap((combination, index) => {
      const state = states.get(ids[index] ?? '');
      return state === expected(combination) ? [] : [{ ...combination, state, expected: expected(combination) }];
    });
    expect(wrong).toEqual([]);
    expect(combinations).toHaveLength(376);
  });

  it('shows what was skipped as skipped, for its reason', async () => {
    const request = await ledger.accept({ messages: 1, skipped: 1 });
    const rows = await ledger.asOwner(
      'select state, reason from message_state where outbound_request_id = $1 order by contact_index',
      [request.id],
    );
    expect(rows).toEqual([
      { state: 'QUEUED', reason: null },
      { state: 'SKIPPED', reason: 'OPTED_OUT' },
    ]);
  });

  it('P6: announces of what expired what the view shows, whatever its account says of it', async () => {
    const request = await ledger.accept({ messages: 1 });
    await ledger.asOwner(`update message set expired_at = now(), reason = 'EXPIRED' where outbound_request_id = $1`, [
      request.id,
    ]);
    for (const [status, state] of [
      ['sent', 'EXPIRED'],
      ['delivered', 'DELIVERED'],
    ] as const) {
      await ledger.asOwner('truncate outbox');
      await ledger.database.worker((tx) => settleCallbacks(tx, deps, [callbackOf(request, 0, status)]));
      expect(await ledger.states(request)).toEqual([state]);
      const [event] = await ledger.asOwner<{ payload: Buffer }>('select payload from outbox');
      expect(MessageChanges.decode(event?.payload ?? Buffer.alloc(0)).changes).toMatchObject([{ state }]);
    }
  });
});
