import { setImmediate as turn } from 'node:timers/promises';
import type { SendOutcome } from '@herald/channels';
import { HeraldError } from '@herald/errors';
import type { Database } from '@herald/postgres';
import { eventually } from '@herald/testing';
import { deps, ORG, testLedger, type StoredRequest, type TestLedger } from '../../test/ledger';
import { checkLedger } from '../reports/check-ledger';
import type { ClaimedSlice } from '../claim/claim';
import { recorder, type Recorder } from './recorder';

/** As many as may wait before nothing more is claimed. */
const WAITING_MAX = 4_000;
const SLICE_MESSAGES = 100;

const AWAY = new HeraldError('DATABASE_UNAVAILABLE', 'away');
const LOST = new HeraldError('DATABASE_UNAVAILABLE', 'the answer got lost');

/** A database that can be away, and one whose answer to a commit can get lost. */
class Moody {
  writes = 0;
  isAway = false;
  losesAnswers = false;

  constructor(private readonly database: Database) {}

  readonly worker: Database['worker'] = async (work) => {
    this.writes += 1;
    if (this.isAway) throw AWAY;
    const result = await this.database.worker(work);
    if (this.losesAnswers) throw LOST;
    return result;
  };
}

describe('recorder', () => {
  let ledger: TestLedger;
  let epoch: string;
  let moody: Moody;
  let flushes: number[];
  let errors: unknown[];
  let recorded: Recorder;

  beforeAll(async () => {
    ledger = await testLedger();
  });
  afterAll(() => ledger.close());
  beforeEach(async () => {
    await ledger.clear();
    epoch = await ledger.lease();
    moody = new Moody(ledger.database);
    [flushes, errors] = [[], []];
    recorded = recorder({
      ...{ ...deps, database: { ...ledger.database, worker: moody.worker } },
      onError: (error) => void errors.push(error),
      onFlushed: (outcomes) => void flushes.push(outcomes),
    });
  });
  afterEach(async () => {
    moody.isAway = false;
    moody.losesAnswers = false;
    await recorded.stop(10_000);
    expect((await checkLedger(ledger.database, ORG, undefined)).discrepancies).toEqual([]);
  });

  const claimed = async (messages: number): Promise<{ request: StoredRequest; slice: ClaimedSlice }> => {
    const request = await ledger.accept({ messages });
    return { request, slice: await ledger.claim(request, epoch) };
  };
  const claimedMany = async (slices: number) => {
    const all: ClaimedSlice[] = [];
    for (let index = 0; index < slices; index += 1) all.push((await claimed(SLICE_MESSAGES)).slice);
    return all;
  };
  const outcomeOf = (id: string): SendOutcome => ({
    ...{ kind: 'accepted', providerId: `SM${id.replaceAll('-', '')}`, status: 'queued', rank: 20 },
  });
  const recordAll = (...slices: ClaimedSlice[]) => {
    for (const slice of slices) recorded.begin(slice);
    for (const slice of slices) {
      for (const message of slice.messages) recorded.record(slice, message, outcomeOf(message.id));
    }
  };
  const statesOf = async () => {
    const rows = await ledger.asOwner<{ state: string; messages: number }>(
      'select state, count(*)::int as messages from message_state group by state',
    );
    return Object.fromEntries(rows.map(({ state, messages }) => [state, messages]));
  };
  const flushed = () => flushes.reduce((sum, outcomes) => sum + outcomes, 0);
  const slicesLeft = () => ledger.asOwner('select lo from slice');

  it('writes few outcomes after a moment, and ends the slice with the last', async () => {
    const { request, slice } = await claimed(2);
    const [first, second] = slice.messages;
    if (!first || !second) throw new Error('two messages were not claimed');
    recorded.begin(slice);
    recorded.record(slice, first, outcomeOf(first.id));
    await eventually(() => expect(flushes).toEqual([1]));
    expect(await ledger.states(request)).toEqual(['SENT', 'SENDING']);
    expect(recorded.holds(slice)).toBe(true);
    recorded.record(slice, second, outcomeOf(second.id));
    await eventually(() => expect(flushes).toEqual([1, 1]));
    expect(await ledger.states(request)).toEqual(['SENT', 'SENT']);
    expect(recorded.holds(slice)).toBe(false);
    expect(await slicesLeft()).toEqual([]);
  });

  it('writes many outcomes at once, of several slices', async () => {
    recordAll(...(await claimedMany(5)));
    await eventually(() => expect(flushed()).toBe(500));
    expect(flushes.length).toBeLessThanOrEqual(3);
    expect(await statesOf()).toEqual({ SENT: 500 });
    expect(await slicesLeft()).toEqual([]);
  });

  it('P1: tries a write again until it works, and loses nothing', async () => {
    const slices = await claimedMany(3);
    moody.isAway = true;
    recordAll(...slices);
    await eventually(() => expect(errors.length).toBeGreaterThan(1));
    expect(flushes).toEqual([]);
    expect(slices.map((slice) => recorded.holds(slice))).toEqual([true, true, true]);
    moody.isAway = false;
    await eventually(() => expect(flushed()).toBe(300));
    expect(await statesOf()).toEqual({ SENT: 300 });
    expect(await slicesLeft()).toEqual([]);
  });

  it('P3: changes nothing by a write that is tried again because the answer to its commit got lost', async () => {
    const { request, slice } = await claimed(3);
    moody.losesAnswers = true;
    recordAll(slice);
    await eventually(() => expect(errors).toEqual([LOST]));
    moody.losesAnswers = false;
    await eventually(() => expect(flushes).toEqual([3]));
    const rows = await ledger.asOwner(
      'select version, attempt from message where outbound_request_id = $1 group by version, attempt',
      [request.id],
    );
    expect(rows).toEqual([{ version: 2, attempt: 1 }]);
  });

  it('has no room for more while the database is away and much waits, and has it again after', async () => {
    const [last, ...others] = await claimedMany(WAITING_MAX / SLICE_MESSAGES);
    if (!last) throw new Error('nothing was claimed');
    moody.isAway = true;
    recordAll(...others);
    expect(recorded.hasRoom()).toBe(true);
    recordAll(last);
    expect(recorded.hasRoom()).toBe(false);
    moody.isAway = false;
    await eventually(() => expect(recorded.hasRoom()).toBe(true));
    await recorded.stop(10_000);
    expect(await statesOf()).toEqual({ SENT: WAITING_MAX });
  });

  it('leaves to recovery the one outcome that the ledger refuses, and writes all others', async () => {
    const [first, poisoned, last] = await claimedMany(3);
    if (!first || !poisoned || !last) throw new Error('nothing was claimed');
    for (const slice of [first, poisoned, last]) recorded.begin(slice);
    const poison: SendOutcome = { kind: 'refused', code: 'a code with \u0000 in it', reason: 'PROVIDER_REFUSED' };
    for (const slice of [first, poisoned, last]) {
      for (const message of slice.messages) {
        const isPoison = slice === poisoned && message.position === 37;
        recorded.record(slice, message, isPoison ? poison : outcomeOf(message.id));
      }
    }
    await eventually(async () => expect(await statesOf()).toEqual({ SENT: 299, SENDING: 1 }));
    expect(await slicesLeft()).toHaveLength(1);
    expect(recorded.holds(poisoned)).toBe(false);
  });

  it('P1: writes at its stop what still waits', async () => {
    const slices = await claimedMany(3);
    recordAll(...slices);
    await recorded.stop(10_000);
    expect(await statesOf()).toEqual({ SENT: 300 });
    expect(await slicesLeft()).toEqual([]);
  });

  it('stops at once when nothing waits', async () => {
    await recorded.stop(10_000);
    expect(moody.writes).toBe(0);
  });

  it('gives up at its stop when time runs out, and then leaves the database alone', async () => {
    const slices = await claimedMany(5);
    moody.isAway = true;
    recordAll(...slices);
    await expect(recorded.stop(0)).rejects.toThrow('away');
    const { writes } = moody;
    for (let turns = 0; turns < 10; turns += 1) await turn();
    expect(moody.writes).toBe(writes);
    expect(await slicesLeft()).toHaveLength(5);
  });

  it('no longer holds a slice that is abandoned: what it lacks is for recovery to judge', async () => {
    const { request, slice } = await claimed(2);
    const [first] = slice.messages;
    if (!first) throw new Error('nothing was claimed');
    recorded.begin(slice);
    recorded.record(slice, first, outcomeOf(first.id));
    recorded.abandon(slice);
    expect(recorded.holds(slice)).toBe(false);
    await eventually(() => expect(flushes).toEqual([1]));
    expect(await ledger.states(request)).toEqual(['SENT', 'SENDING']);
    expect(await slicesLeft()).toHaveLength(1);
  });
});
