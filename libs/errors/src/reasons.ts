import { CALL_REASONS } from './call-reasons';
import { CONFIGURATION_REASONS } from './configuration-reasons';
import { DISPATCH_REASONS } from './dispatch-reasons';
import { TEMPLATE_REASONS } from './template-reasons';

/**
 * Every reason a call can fail for. A reason, once released, keeps its name and code: callers branch on it.
 * Rows are added in the file of their subject.
 */
export const REASONS = {
  ...CALL_REASONS,
  ...TEMPLATE_REASONS,
  ...CONFIGURATION_REASONS,
  ...DISPATCH_REASONS,
} as const;

/** The name of a reason a call can fail for; on the wire it is the reason of ErrorInfo. */
export type Reason = keyof typeof REASONS;

/** Tells whether a text from the wire names a reason this version knows. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(REASONS, text);
}
