import type { ChannelAdapter } from '@herald/channels';
import type { TemplateServiceClient } from '@herald/contracts/template';
import type { PromiseClient } from '@herald/grpc';
import type { Database } from '@herald/postgres';
import type { Sealer } from './sealing/sealer';

/** What the use cases need of the world. */
export interface ConfigurationDeps {
  database: Database;
  /** The provider of text messages. */
  provider: ChannelAdapter;
  templates: PromiseClient<TemplateServiceClient>;
  sealer: Sealer;
  /** What providers reach the gateway by, without a slash at its end. */
  publicUrl: string;
  newId(): string;
  now(): Date;
}
