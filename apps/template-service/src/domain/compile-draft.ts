import type { FieldViolation } from '@herald/errors';
import {
  checkTemplate,
  compileTemplate,
  slugsOf,
  TemplateSyntaxError,
  type CompiledTemplate,
  type TemplateFault,
} from '@herald/rendering';
import { checkDraft } from './check-draft';
import type { Draft } from './draft';

/** A draft that can be sent with, by the slugs its texts use; or everything that is wrong with it. */
export type CompiledDraft =
  { kind: 'compiled'; slugs: readonly string[] } | { kind: 'invalid'; violations: FieldViolation[] };

/**
 * Checks a draft for publishing, all faults at once: what `checkDraft` asks of every draft, a text in the default
 * language, and well-formed slugs in every text.
 */
export function compileDraft(draft: Draft): CompiledDraft {
  const checked = checkDraft(draft);
  const violations = checked.kind === 'invalid' ? [...checked.violations] : [];
  if (!draft.texts.some(({ language }) => language === draft.defaultLanguage)) {
    const description = `must have a text in the default language ${draft.defaultLanguage}`;
    violations.push({ field: 'template.localized_texts', reason: 'FIELD_REQUIRED', description });
  }
  draft.texts.forEach(({ language, text }, index) => {
    const faults = checkTemplate(text).map((fault) => violationOf(fault, { language, index }));
    violations.push(...faults);
  });
  if (violations.length > 0) return { kind: 'invalid', violations };
  return { kind: 'compiled', slugs: slugsOf(...draft.texts.map(({ text }) => compileTemplate(text))) };
}

/** One text, ready to be rendered, or what is wrong with its slugs. */
export type CompiledText =
  { kind: 'compiled'; compiled: CompiledTemplate } | { kind: 'invalid'; violation: FieldViolation };

/** Reads one text of a draft; the violation names its place, its language and the position of the fault. */
export function compileText(text: string, { language, index }: { language: string; index: number }): CompiledText {
  try {
    return { kind: 'compiled', compiled: compileTemplate(text) };
  } catch (error) {
    if (!(error instanceof TemplateSyntaxError)) throw error;
    const fault = { reason: 'SLUG_INVALID', position: error.position, description: error.message } as const;
    return { kind: 'invalid', violation: violationOf(fault, { language, index }) };
  }
}

function violationOf(
  { reason, position, description }: TemplateFault,
  { language, index }: { language: string; index: number },
): FieldViolation {
  const field = `template.localized_texts[${index}].text`;
  return { field, reason, description: `${language}, position ${position}: ${description}` };
}
