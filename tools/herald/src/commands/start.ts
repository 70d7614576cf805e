import { resolve } from 'node:path';
import { armFailpointsOf, runUntilSignal, type Running } from '@herald/service';
import { connect } from '../client/connect';
import { startDistributed, TWO_OF_EACH } from '../distributed/start-distributed';
import { makeSampleOrganisation } from '../sample/organisation';
import { startSystem, type SystemSettings } from '../system/start-system';
import type { SystemFile } from '../system/system-file';
import type { CommandContext } from './context';
import { greeting } from './greeting';

const SAMPLE_ORG = 'sample';

/** The options of `start`. */
export interface StartOptions {
  home: string;
  portBase: number;
  simulatorFaults: string;
  simulatorOutcomes: string;
  kafka: boolean;
  distributed: boolean;
  sample: boolean;
}

/**
 * Runs all of Herald until a signal comes, and says how to send once it runs. A signal that comes before waits for the
 * start, and then stops all of it: PostgreSQL and the simulator would stay.
 */
export async function start(
  options: StartOptions,
  { environment, inherited }: Pick<CommandContext, 'environment' | 'inherited'>,
): Promise<void> {
  if (!options.distributed) armFailpointsOf(environment);
  const home = resolve(options.home);
  const shared = { home, portBase: options.portBase, environment };
  const simulator = { faults: options.simulatorFaults, outcomes: options.simulatorOutcomes };
  const starting: Promise<Running & { file: SystemFile }> = options.distributed
    ? startDistributed({ ...shared, inherited, simulator, replicas: TWO_OF_EACH })
    : startSystem({ ...shared, simulator, kafka: options.kafka });
  let isStopping = false;
  const stop = async () => {
    isStopping = true;
    // A start that fails stops what it has started itself.
    const system = await starting.catch(() => undefined);
    await system?.stop();
  };
  const ended = runUntilSignal({ stop });
  const { file } = await starting;
  try {
    if (options.sample && !isStopping) await greet({ home, environment }, file);
  } catch (error) {
    // Whoever interrupts needs not hear which call that broke.
    if (!isStopping) {
      await stop();
      throw error;
    }
  }
  await ended;
  // All is stopped. A broker's client that was joining its group may hold its connection for a minute more.
  process.exit();
}

async function greet(
  { home, environment }: Pick<SystemSettings, 'home' | 'environment'>,
  file: SystemFile,
): Promise<void> {
  const connection = await connect(home, environment, {
    org: SAMPLE_ORG,
    scopes: ['configure', 'read'],
    subject: 'start',
  });
  try {
    const simulatorUrl = file.simulator?.url ?? '';
    const { outboundConfigurationId } = await makeSampleOrganisation(connection, { org: SAMPLE_ORG, simulatorUrl });
    process.stdout.write(`${greeting({ home, file, org: SAMPLE_ORG, outboundConfigurationId })}\n`);
  } finally {
    connection.close();
  }
}
