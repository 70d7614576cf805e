import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrations } from '@herald/dispatch-service';
import { HeraldError } from '@herald/errors';
import { connect, makeSampleOrganisation, startDistributed, type DistributedSystem } from '@herald/herald-cli';
import { startInOrder } from '@herald/service';
import { describeWithOwnKafka, refusal, sized, testDatabase } from '@herald/testing';
import { Client } from 'pg';
import { contactOf, requestOf } from './requests';

const ORG = 'quota';
/** Of real life, which takes minutes; otherwise of an organisation whose quota is a tenth. */
const REQUESTS = sized(35_000);
const LIMIT = sized(30_000);
const CALLERS = 48;
const HOUR_MS = 3_600_000;

type Connection = Awaited<ReturnType<typeof connect>>;

async function setLimit({ configuration }: Connection): Promise<void> {
  const { settings } = await configuration.getOrganizationSettings({});
  await configuration.updateOrganizationSettings({
    settings: settings && { ...settings, requestsPerHourMax: LIMIT },
    updateMask: ['requests_per_hour_max'],
  });
}

describeWithOwnKafka('the hourly quota of four processes behind one address', () => {
  const parts = startInOrder();
  let system: DistributedSystem;
  let database: Client;
  let connection: Connection;
  let configuration: string;

  beforeAll(async () => {
    const home = await mkdtemp(join(tmpdir(), 'herald-quota-'));
    await parts.add(async () => ({ stop: () => rm(home, { recursive: true, force: true }) }));
    // Requests of one organisation commit one after the other: on a database that waits for its disk, 3,500 took 45 s.
    const test = await parts.add(async () => {
      const made = await testDatabase({ service: 'dispatch', migrations });
      return { ...made, stop: () => made.close() };
    });
    system = await parts.add(() =>
      startDistributed({
        ...{ home, portBase: 0, inherited: { HERALD_LOG_LEVEL: 'silent' } },
        environment: { HERALD_DATABASE_URL: test.url },
        replicas: { template: 1, configuration: 1, dispatch: 4, conversation: 0, gateway: 0 },
        simulator: { faults: '', outcomes: '' },
      }),
    );
    database = new Client({ connectionString: test.url });
    await database.connect();
    await parts.add(async () => ({ stop: () => database.end() }));
    connection = await connect(home, {}, { org: ORG, scopes: ['configure', 'send', 'read'], subject: 'ana' });
    await parts.add(async () => ({ stop: async () => connection.close() }));
    const simulatorUrl = system.file.simulator?.url ?? '';
    await setLimit(connection);
    configuration = (await makeSampleOrganisation(connection, { org: ORG, simulatorUrl })).outboundConfigurationId;
  }, 120_000);
  afterAll(() => parts.stop(), 60_000);

  /** One message an hour from now, so that nothing is sent meanwhile. */
  const send = (requestId: string = randomUUID()) => {
    const readyTime = new Date(Date.now() + HOUR_MS);
    const request = requestOf(configuration, [contactOf()], { requestId, readyTime });
    return connection.dispatch.sendOutboundMessages(request, { deadlineMs: 30_000 });
  };
  /** One call, with its id repeated where the service is too busy for it. */
  const patiently = async (call: typeof send) => {
    const requestId = randomUUID();
    for (;;) {
      try {
        return await call(requestId);
      } catch (error) {
        if (!(error instanceof HeraldError) || error.reason !== 'DATABASE_BUSY') throw error;
      }
    }
  };
  /** Stops the ledger's clock, as all processes see it, at a time. */
  const setClock = (time: Date) =>
    // eslint-disable-next-line herald/sql-text -- the body of a function takes no parameters
    database.query(`create or replace function dispatch.ledger_now() returns timestamptz language sql volatile
                      as 'select timestamptz ''${time.toISOString()}'''`);
  const acceptedBy = async (port: number): Promise<number> => {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(/^herald_request_accepted_total\S* (\d+)/m.exec(metrics)?.[1] ?? 0);
  };

  it(`P11: of ${REQUESTS} requests over gRPC accepts exactly ${LIMIT}, and says when the next is taken`, async () => {
    const refusals: HeraldError[] = [];
    let accepted = 0;
    let left = REQUESTS;
    const callers = Array.from({ length: CALLERS }, async () => {
      while (left-- > 0) {
        const answer = await patiently(send).catch((error: unknown) => void refusals.push(error as HeraldError));
        if (answer) accepted += 1;
      }
    });
    await Promise.all(callers);
    expect(accepted).toBe(LIMIT);
    expect(new Set(refusals.map(({ reason }) => reason))).toEqual(new Set(['HOURLY_REQUESTS_EXHAUSTED']));
    expect(refusals).toHaveLength(REQUESTS - LIMIT);
    for (const { detail } of refusals) expect(detail.retryAfterMs).toBeGreaterThan(0);

    const dispatching = system.replicas.filter(({ service }) => service === 'dispatch');
    const shares = await Promise.all(dispatching.map(({ metricsPort }) => acceptedBy(metricsPort)));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(LIMIT);
    for (const share of shares) expect(share).toBeGreaterThan(0);
  }, 540_000);

  it('P11: takes the next request when the time that it named has come, and not before', async () => {
    const { rows } = await database.query<{ now: Date }>('select dispatch.ledger_now() as now');
    const now = rows[0]?.now ?? new Date();
    await setClock(now);
    const requestId = randomUUID();
    const retryAfterMs = (await refusal(send(requestId))).detail.retryAfterMs ?? 0;
    await setClock(new Date(now.getTime() + retryAfterMs - 1_000));
    expect((await refusal(send(requestId))).detail.retryAfterMs).toBeGreaterThan(0);
    await setClock(new Date(now.getTime() + retryAfterMs));
    await expect(send(requestId)).resolves.toMatchObject({ results: [{ outcome: { $case: 'accepted' } }] });
  });
});
