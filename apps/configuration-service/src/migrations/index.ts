import type { Migration } from '@herald/postgres';
import { configuration } from './0001-configuration';
import { audit } from './0002-audit';
import { spreadAndLimits } from './0003-spread-and-limits';

/** Configuration's schema, in the order it grew. */
export const migrations: readonly Migration[] = [configuration, audit, spreadAndLimits];
