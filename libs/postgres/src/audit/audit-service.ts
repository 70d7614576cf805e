import { AuditServiceService, type AuditServiceServer } from '@herald/contracts/audit';
import { unary, type AccessTable } from '@herald/grpc';
import type { Database } from '../database';
import { checkAuditLog } from './check-audit-log';
import { listAuditEntries } from './list-audit-entries';

/** Who may read an audit log; README's table says the same. */
const AUDIT_ACCESS: AccessTable<AuditServiceServer> = {
  listAuditEntries: { scopes: ['operator'] },
  checkAuditLog: { scopes: ['operator'] },
};

/** The gRPC face of a service's audit log, for its server to serve beside its own. */
export function auditService(database: Database) {
  const implementation: AuditServiceServer = {
    listAuditEntries: unary((request, { org }) => listAuditEntries(database, org, request)),
    checkAuditLog: unary((request, { org, signal }) => checkAuditLog(database, org, { request, signal })),
  };
  return { definition: AuditServiceService, implementation, access: AUDIT_ACCESS };
}
