import type { Environment } from '@herald/service';

/** Where the command line was called. */
export interface CommandContext {
  environment: Environment;
  home: string;
}
