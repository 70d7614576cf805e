import { join } from 'node:path';
import { simulatorControl, startDistributed, type KeptProcess, type ReplicaCounts } from '@herald/herald-cli';
import { startLocalBroker, stopLocalBroker } from '@herald/local-kafka';
import type { Parts } from '@herald/service';
import { makeArming } from './arming';
import { databaseOf, homeOf, openCallers, wholeOrNothing, type Inherited, type Target } from './target';

/** Senders that take over from each other and rebalance, gateways that stand in for each other, and one of what is only asked. */
const REPLICAS: ReplicaCounts = { template: 1, configuration: 1, dispatch: 3, conversation: 1, gateway: 2 };
/** Of a replica whose death nobody would see: it does nothing. */
const IDLE = 'conversation';

/** Starts the distributed system on a folder of its own, with a broker and a PostgreSQL that nobody else uses. */
export const distributedTarget = wholeOrNothing(start);

async function start(parts: Parts, inherited: Inherited, plant: string): Promise<Target> {
  const home = await homeOf(parts);
  const directory = join(home, 'kafka');
  const { broker } = await parts.add(() => startLocalBroker({ directory }));
  const brokerPort = Number(broker.slice(broker.lastIndexOf(':') + 1));
  const arming = await makeArming(home, plant);
  const system = await parts.add(() =>
    startDistributed({
      ...{ home, portBase: 0, replicas: REPLICAS, inherited: { ...inherited, ...arming.env } },
      environment: { HERALD_KAFKA_BROKERS: [broker] },
      simulator: { faults: '', outcomes: 'delivered=1' },
    }),
  );
  const { ports, simulator } = system.file;
  const callers = await openCallers(parts, home, simulator?.url ?? '');
  const database = databaseOf(home, ports.postgres);
  const processes = [...system.processes.values()].filter(({ name }) => !name.startsWith(IDLE));
  const victims = (service = '') => processes.filter(({ name }) => name.startsWith(service));
  return {
    ...{ bus: 'kafka', arming, callers, victims, ...database },
    movers: victims('dispatch'),
    provider: simulatorControl(simulator?.control ?? ''),
    stop: async () => {
      system.processes.forEach(endAtOnce);
      await parts.stop();
    },
    broker: {
      address: broker,
      stop: () => stopLocalBroker(directory),
      start: async () => void (await startLocalBroker({ directory, port: brokerPort })),
    },
  };
}

/**
 * All is judged by then. In order, each sender would first wait 14 s for its groups to settle, which they do not for 30 s
 * after a member was killed.
 */
function endAtOnce(kept: KeptProcess): void {
  void kept.stop();
  kept.signal('SIGKILL');
}
