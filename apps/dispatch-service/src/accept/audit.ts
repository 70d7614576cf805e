import { OutboundRequest } from '@herald/contracts/dispatch';
import { appendAudit, type Act, type Tx } from '@herald/postgres';
import { countsAtAcceptance } from '../ledger-counts';
import type { PlannedContact } from './plan-contacts';
import type { NewRequest } from './store';

/**
 * Adds an accepted request to the audit log: what it was sent with, and how many contacts became what. Of the contacts it
 * says nothing else; the log outlives them.
 */
export function auditAcceptance(
  tx: Tx,
  act: Act,
  { request, planned }: { request: NewRequest; planned: readonly PlannedContact[] },
): Promise<void> {
  const counts = countsAtAcceptance(request.contacts, request.refusedByReason, planned);
  const shown = OutboundRequest.fromPartial({
    id: request.id,
    outboundConfigurationId: request.configurationId,
    counts,
  });
  return appendAudit(tx, act, {
    subject: { kind: 'outboundRequest', id: request.id },
    requestId: request.requestId,
    after: OutboundRequest.toJSON(shown),
  });
}
