import { TWO_OF_EACH } from '@herald/herald-cli';
import { describeWithOwnKafka } from '@herald/testing';
import { runScenario } from '../src/run-scenario';
import { SCENARIOS } from '../src/scenarios';
import { startTarget, type Target } from '../src/target';

const START_MS_MAX = 120_000;
const RUN_MS_MAX = 240_000;
/** Each scenario at its shortest: `npm run chaos -- --seconds N` goes on for longer. */
const SECONDS = 1;

describeWithOwnKafka('two processes of each service under load', () => {
  let target: Target;

  beforeAll(async () => {
    target = await startTarget({ HERALD_LOG_LEVEL: 'silent' }, TWO_OF_EACH);
  }, START_MS_MAX);
  afterAll(() => target.stop(), START_MS_MAX);

  const survives = async (name: string) => {
    const scenario = SCENARIOS.find((each) => each.name === name);
    if (!scenario) throw new Error(`there is no scenario ${name}`);
    const outcome = await runScenario(scenario, target, SECONDS);
    expect(outcome).toMatchObject({ scenario: name, lost: 0, duplicated: 0, unresolved: 0, faults: [] });
    expect(outcome.accepted).toBeGreaterThan(0);
  };

  it(
    'P20: lose, double and leave unknown nothing while every one is restarted',
    () => survives('rolling-restart'),
    RUN_MS_MAX,
  );
  it('P1: lose and double nothing while every one is killed', () => survives('killed-replicas'), RUN_MS_MAX);
  it(
    'P3: double nothing while a sender stands still beyond its leases',
    () => survives('suspended-sender'),
    RUN_MS_MAX,
  );
  it('P18: accept and send while the broker is away', () => survives('broker-away'), RUN_MS_MAX);
  it('P18: lose and double nothing when all topics are made anew', () => survives('topics-made-anew'), RUN_MS_MAX);
  it('P19: lose and double nothing when the database is killed', () => survives('database-killed'), RUN_MS_MAX);
});
