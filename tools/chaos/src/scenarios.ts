import { setTimeout as pause } from 'node:timers/promises';
import type { KeptProcess } from '@herald/herald-cli';
import { Kafka, logLevel } from 'kafkajs';
import type { Verdict } from './judge';
import type { Target } from './target';

/** Something that befalls the system while it is under load. */
export interface Scenario {
  name: string;
  /** The promise of PROMISES.md that it tries. */
  promise: string;
  text: string;
  /** Hurts the system for about so long, and leaves it whole. */
  hurt(target: Target, seconds: number): Promise<void>;
  /** Whether messages may end as unknown: where a process dies that has sent and not recorded. */
  mayLeaveUnknown: boolean;
  /** Whether reports of the provider may be lost: where a topic goes with all that is in it, or the broker for long. */
  mayLoseReports: boolean;
}

const LEASE_AND_MORE_MS = 12_000;

/** All scenarios, in the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    ...{ name: 'rolling-restart', promise: 'P20', mayLeaveUnknown: false, mayLoseReports: false },
    text: 'every replica is restarted, one after the other, again and again',
    hurt: ({ system }, seconds) => inTurn(system.processes.values(), seconds, (each) => each.restart()),
  },
  {
    ...{ name: 'killed-replicas', promise: 'P1', mayLeaveUnknown: true, mayLoseReports: false },
    text: 'one replica after the other is killed',
    hurt: ({ system }, seconds) => inTurn(system.processes.values(), seconds, (each) => each.restart('SIGKILL')),
  },
  {
    ...{ name: 'suspended-sender', promise: 'P3', mayLeaveUnknown: false, mayLoseReports: false },
    text: 'each dispatch process in turn stands still beyond its leases, and goes on',
    hurt: ({ system }, seconds) => {
      const senders = [...system.processes.values()].filter(({ name }) => name.startsWith('dispatch-'));
      return inTurn(senders, seconds, async (each) => {
        each.signal('SIGSTOP');
        await pause(LEASE_AND_MORE_MS);
        each.signal('SIGCONT');
        await each.ready();
      });
    },
  },
  {
    // The gateway keeps nothing: a report whose repeats all come while the broker is away is lost, as Twilio's would be.
    ...{ name: 'broker-away', promise: 'P18', mayLeaveUnknown: false, mayLoseReports: true },
    text: 'the broker is stopped, and comes back',
    hurt: async (target, seconds) => {
      await target.stopBroker();
      await pause(seconds * 1_000);
      await target.startBroker();
    },
  },
  {
    ...{ name: 'topics-made-anew', promise: 'P18', mayLeaveUnknown: false, mayLoseReports: true },
    text: 'every topic is deleted and made anew',
    hurt: async ({ broker }, seconds) => {
      await makeTopicsAnew(broker);
      await pause(seconds * 1_000);
    },
  },
  {
    ...{ name: 'database-killed', promise: 'P19', mayLeaveUnknown: false, mayLoseReports: false },
    text: 'the database is killed, and comes back after three seconds',
    hurt: async (target, seconds) => {
      await target.killPostgres();
      await pause(3_000);
      await target.startPostgres();
      await pause(seconds * 1_000);
    },
  },
];

/** Does it to one process after the other, and again to all of them until the time is over. */
async function inTurn(
  processes: Iterable<KeptProcess>,
  seconds: number,
  act: (each: KeptProcess) => Promise<void>,
): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  const all = [...processes];
  do {
    for (const each of all) await act(each);
  } while (performance.now() < until);
}

/** What is wrong with a verdict, if anything. */
export function faultsOf(verdict: Verdict, { mayLeaveUnknown, mayLoseReports }: Scenario): string[] {
  const { lost, duplicated, unknown, unresolved, unheard } = verdict;
  const wrong = {
    lost,
    duplicated,
    unresolved,
    ...(mayLeaveUnknown ? {} : { unknown }),
    ...(mayLoseReports ? {} : { unheard }),
  };
  return Object.entries(wrong).flatMap(([kind, count]) => (count > 0 ? [`${count} ${kind}`] : []));
}

async function makeTopicsAnew(broker: string): Promise<void> {
  const admin = new Kafka({ brokers: [broker], clientId: 'chaos', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith('herald.') && !topic.endsWith('.dlq'));
    const { topics: known } = await admin.fetchTopicMetadata({ topics });
    await admin.deleteTopics({ topics });
    while ((await admin.listTopics()).some((topic) => topics.includes(topic))) await pause(100);
    const made = known.map(({ name, partitions }) => ({ topic: name, numPartitions: partitions.length }));
    await admin.createTopics({ topics: made, waitForLeaders: false });
  } finally {
    await admin.disconnect();
  }
}
