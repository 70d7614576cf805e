import { auditTables, type Migration } from '@herald/postgres';

/** Who changed what, in a chain of hashes; see libs/postgres. */
export const audit: Migration = { name: '0002-audit', up: auditTables };
