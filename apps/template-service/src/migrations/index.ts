import type { Migration } from '@herald/postgres';
import { templates } from './0001-templates';
import { audit } from './0002-audit';

/** The schema of templates, in the order it grew. */
export const migrations: readonly Migration[] = [templates, audit];
