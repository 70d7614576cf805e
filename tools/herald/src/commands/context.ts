import type { Environment } from '@herald/service';

/** Where the command line was called. */
export interface CommandContext {
  environment: Environment;
  /** The environment as it is, for processes that are started. */
  inherited: Readonly<Record<string, string | undefined>>;
  home: string;
}
