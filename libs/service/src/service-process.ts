import { setFlagsFromString } from 'node:v8';
import type { ServiceName } from '@herald/grpc';
import { configureLogs, logger, startTelemetry } from '@herald/telemetry';
import { EnvironmentError, type EnvironmentName } from './environment';
import { armFailpointsOf } from './failpoints';
import { runUntilSignal, startInOrder, type Parts, type Running } from './running';
import { readServiceSettings, type ServiceSettings } from './service-settings';

const MISCONFIGURED_EXIT_CODE = 2;
/**
 * V8 lets a small heap grow to several times what is in use before it collects all of it; a pod pays for that. With this
 * much growth dispatch peaked at 354 MB where it had 467 MB, under the same load.
 */
const HEAP_GROWTH_PERCENT = 30;

/** Which service a process runs, by what environment, and what it cannot do without. */
export interface ServiceProcess<Need extends EnvironmentName> {
  service: ServiceName;
  env: Readonly<Record<string, string | undefined>>;
  needs: readonly Need[];
}

/**
 * Runs one service as a process: reads the environment, starts telemetry and what `begin` adds, and stops it all in the
 * reverse order at SIGTERM or SIGINT. Ends with exit code 2, and all faults on standard error, where the environment is
 * not right; with 1 where something does not start, go on, or stop.
 */
export async function runService<Need extends EnvironmentName>(
  { service, env, needs }: ServiceProcess<Need>,
  begin: (parts: Parts, settings: ServiceSettings<Need>) => Promise<Running>,
): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const log = logger(`${service}-service`);
  const parts = startInOrder();
  const start = async () => {
    const settings = await readServiceSettings(service, env, needs);
    configureLogs({ level: settings.environment.HERALD_LOG_LEVEL ?? 'info' });
    armFailpointsOf(settings.environment);
    const { metricsAddress } = settings;
    await parts.add(() => startTelemetry({ serviceName: `${service}-service`, metricsAddress }));
    await parts.add(() => begin(parts, settings));
  };
  const starting = start();
  let isStopping = false;
  const stop = async () => {
    isStopping = true;
    // A start that fails stops what it has started itself.
    await starting.catch(() => undefined);
    await parts.stop();
  };
  const ended = runUntilSignal({ stop });
  try {
    await starting;
    log.info('The service runs.');
    await ended;
  } catch (error) {
    process.exitCode = error instanceof EnvironmentError ? MISCONFIGURED_EXIT_CODE : 1;
    if (error instanceof EnvironmentError) process.stderr.write(`${error.message}\n`);
    else if (!isStopping) log.error('The service did not start.', { error });
    else log.error('The service did not stop in order.', { error });
  }
  // All is stopped. A broker's client that was joining its group may hold its connection for a minute more.
  process.exit();
}
