import type { Environment } from '@herald/service';
import type { DispatchConfig } from './start';

/** What an operator may set of dispatch-service, from the environment; what is undefined is as the service has it. */
export function tuningOf(
  environment: Environment,
): Pick<DispatchConfig, 'lookUpAfterSeconds' | 'accountRequestsMax' | 'retention'> {
  return {
    lookUpAfterSeconds: environment.HERALD_OUTCOME_LOOKUP_SECONDS,
    accountRequestsMax: environment.HERALD_ACCOUNT_REQUESTS_MAX,
    retention: {
      messageDays: environment.HERALD_MESSAGE_RETENTION_DAYS,
      bodyDays: environment.HERALD_BODY_RETENTION_DAYS,
    },
  };
}
