import { Template as WireTemplate } from '@herald/contracts/template';
import { appendAudit, type Act, type Tx } from '@herald/postgres';
import type { Template } from './domain/draft';
import { writeTemplate } from './responses';

/** Adds what became of a template to the audit log, as GetTemplate shows it. Its texts are the author's and name nobody. */
export function auditTemplate(
  tx: Tx,
  act: Act,
  { before, after, requestId }: { before?: Template; after: Template; requestId?: string },
): Promise<void> {
  return appendAudit(tx, act, {
    subject: { kind: 'template', id: after.id },
    requestId,
    before: before && WireTemplate.toJSON(writeTemplate(before)),
    after: WireTemplate.toJSON(writeTemplate(after)),
  });
}
