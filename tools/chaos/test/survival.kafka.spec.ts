import { describeWithOwnKafka } from '@herald/testing';
import { distributedTarget } from '../src/distributed-target';
import { FOUND } from '../src/found';
import { planOf } from '../src/plan';
import { runAll, type SeedOutcome } from '../src/run';
import type { Target } from '../src/target';

const START_MS_MAX = 120_000;
const RUNS_MS_MAX = 240_000;

/** A few runs of one seed at their shortest: `npm run chaos` does all of them. They are judged together, when all is settled. */
describeWithOwnKafka('three senders and two gateways under load', () => {
  let target: Target;
  let found: SeedOutcome;

  beforeAll(async () => {
    target = await distributedTarget({ HERALD_LOG_LEVEL: 'silent', HERALD_OUTCOME_LOOKUP_SECONDS: '2' }, '');
    const [{ seed, only } = { seed: 1, only: [] }] = FOUND;
    found = await runAll(target, planOf(seed, 'kafka', only), { seconds: 1, print: () => undefined });
  }, START_MS_MAX + RUNS_MS_MAX);
  afterAll(() => target.stop(), START_MS_MAX);

  const survives = (name: string) => {
    const outcome = found.outcomes.find((each) => each.name === name);
    expect(outcome).toMatchObject({ lost: 0, duplicated: 0, unresolved: 0 });
    // How long a message waits is for `npm run chaos` to judge: beside other specs, processes stand still for seconds.
    expect(outcome?.faults.filter((fault) => !fault.startsWith('a message waited'))).toEqual([]);
    expect(outcome?.accepted).toBeGreaterThan(0);
    if (name.includes('/')) expect(outcome?.failpointsHit).toBeGreaterThan(0);
  };

  it('P20: lose, double and leave unknown nothing while senders leave and join', () => survives('rebalance'));
  it('P1: lose and double nothing when processes are killed', () => survives('sigkill'));
  it('P1: lose and double nothing when one dies with its requests written', () =>
    survives('dispatch.after_write/exit'));
  it('P3: double nothing when one stands still beyond its lease with a slice claimed', () =>
    survives('dispatch.after_claim/stop'));
  it('P18: accept and send while the broker is away', () => survives('broker-stopped'));
  it('P19: lose and double nothing when the database is killed', () => survives('postgres-killed'));
  it('P2: answer a repeated request as the first time, and keep every ledger conserved', () => {
    expect(found.faults).toEqual([]);
  });
});
