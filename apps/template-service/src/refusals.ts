import { HeraldError, REASONS, type FieldViolation, type Reason } from '@herald/errors';
import type { Template } from './domain/draft';

/** The error of a call that the state of a template does not admit. */
export function wrongState(reason: Reason, templateId: string, metadata: Record<string, string> = {}): HeraldError {
  const description = REASONS[reason].text;
  return new HeraldError(reason, description, {
    metadata: { templateId, ...metadata },
    preconditions: [{ type: reason, subject: `template/${templateId}`, description }],
  });
}

/** Throws TEMPLATE_ARCHIVED where nothing may be done with the template any more. */
export function refuseArchived({ id, state }: Template): void {
  if (state === 'ARCHIVED') throw wrongState('TEMPLATE_ARCHIVED', id);
}

/** The error of a draft that cannot be published or rendered as it is, with all that is to be corrected in it. */
export function draftInvalid(templateId: string, violations: FieldViolation[]): HeraldError {
  const { detail } = wrongState('TEMPLATE_DRAFT_INVALID', templateId);
  const fields = violations.map(({ field }) => field).join(', ');
  return new HeraldError('TEMPLATE_DRAFT_INVALID', `The draft is not ready: ${fields}. Correct what is listed.`, {
    ...detail,
    violations,
  });
}
