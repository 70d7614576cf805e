import { armFailpoints } from '@herald/failpoints';
import { EnvironmentError, type Environment } from './environment';

/** Arms the failpoints that the environment names, if any. Throws EnvironmentError where its file cannot be used. */
export function armFailpointsOf({ HERALD_FAILPOINTS: plan, HERALD_FAILPOINTS_REPORT: report = '' }: Environment): void {
  if (plan === undefined) return;
  try {
    armFailpoints(plan, report);
  } catch (error) {
    throw new EnvironmentError('HERALD_FAILPOINTS names a file that cannot be used.', { cause: error });
  }
}
