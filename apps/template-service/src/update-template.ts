import { HeraldError, invalidFields } from '@herald/errors';
import type { Act } from '@herald/postgres';
import { auditTemplate } from './audit';
import type { TemplateDeps } from './deps';
import { checkDraft } from './domain/check-draft';
import type { Draft, GivenDraft, Template } from './domain/draft';
import { applyUpdate, channelTypeViolations, isSameDraft, maskViolations } from './domain/update-draft';
import { refuseArchived } from './refusals';
import { lockTemplate, updateDraft } from './store/templates';

/** A change of a draft. An empty mask means all fields that are set; revision 0 means whatever is there. */
export interface Update {
  templateId: string;
  given: GivenDraft;
  mask: readonly string[];
  revision: number;
}

/**
 * Changes a template's draft. Two changes at once wait for each other, and the one made from a revision that is gone
 * is refused with REVISION_STALE. A change that changes nothing leaves the revision, whichever one it was made from: the
 * repeat of a change is answered as the first time.
 */
export function updateTemplate({ database, now }: TemplateDeps, act: Act, update: Update): Promise<Template> {
  refuseMask(update.mask);
  const { org } = act;
  return database.transaction(org, async (tx) => {
    const stored = await lockTemplate(tx, org, update.templateId);
    refuseArchived(stored);
    const draft = changedDraft(stored, update);
    if (isSameDraft(stored, draft)) return stored;
    refuseStale(stored, update.revision);
    const template = { ...stored, ...draft, revision: stored.revision + 1, updatedAt: now() };
    await updateDraft(tx, org, template);
    await auditTemplate(tx, act, { before: stored, after: template });
    return template;
  });
}

function refuseMask(mask: readonly string[]): void {
  const violations = maskViolations(mask);
  if (violations.length === 0) return;
  throw new HeraldError('FIELD_MASK_INVALID', 'The update mask names what may not be updated. Correct the mask.', {
    violations,
  });
}

function refuseStale({ id, revision }: Template, expected: number): void {
  if (expected === 0 || expected === revision) return;
  throw new HeraldError('REVISION_STALE', 'The draft was changed in between. Read it and repeat the change on it.', {
    metadata: { templateId: id, revision: String(revision), revisionExpected: String(expected) },
  });
}

function changedDraft(stored: Draft, { given, mask }: Update): Draft {
  const immutable = channelTypeViolations(stored, given, mask);
  const checked = checkDraft(applyUpdate(stored, given, mask));
  const violations = [...immutable, ...(checked.kind === 'invalid' ? checked.violations : [])];
  if (checked.kind === 'invalid' || violations.length > 0) throw invalidFields(violations);
  return checked.draft;
}
