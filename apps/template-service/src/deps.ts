import type { Database } from '@herald/postgres';

/** What the use cases need of the world. */
export interface TemplateDeps {
  database: Database;
  newId: () => string;
  now: () => Date;
}
