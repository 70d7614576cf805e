import { FAULTS_MAX, readTemplate, type TemplateFault } from './read-template';
import { keyOf } from './slugs';

/** What becomes of a slug without a value: the contact is refused, or the slug is replaced by nothing. */
export type MissingSlugPolicy = 'strict' | 'empty';

/** The longest text a message may have, in UTF-16 code units: Twilio refuses longer ones (error 21617). */
export const TEXT_LENGTH_MAX = 1600;

/** A text that was read once and can be rendered often. */
export interface CompiledTemplate {
  /** Literal texts and slugs in turn: a literal first and last. */
  readonly literals: readonly string[];
  /** The keys of the slugs between the literals, as values are looked up. */
  readonly keys: readonly string[];
  /** The slugs without repeats, in the spelling of their first use. */
  readonly slugs: readonly string[];
}

/** A text whose slugs are not well formed. `position` counts UTF-16 code units from 1. */
export class TemplateSyntaxError extends Error {
  override readonly name = 'TemplateSyntaxError';
  readonly position: number;

  constructor(position: number, message: string) {
    super(message);
    this.position = position;
  }
}

/**
 * Reads a text for rendering. Throws TemplateSyntaxError at the first brace that opens or closes no slug. A well-formed
 * slug that nothing can fill is no error here: what was published once must stay readable when the known ones change.
 */
export function compileTemplate(text: string): CompiledTemplate {
  const { literals, slugs, faults } = readTemplate(text);
  const [fault] = faults;
  if (fault) throw new TemplateSyntaxError(fault.position, fault.description);
  return { literals, keys: slugs.map(keyOf), slugs: [...firstSpellings(slugs).values()] };
}

/**
 * What stands in the way of publishing a text, in the order of the text and at most ten: braces that make no slug, and
 * slugs that nothing can fill. A text with an empty list compiles.
 */
export function checkTemplate(text: string): TemplateFault[] {
  const { faults, unknown } = readTemplate(text);
  return [...faults, ...unknown].sort((one, other) => one.position - other.position).slice(0, FAULTS_MAX);
}

/** The slugs that texts use, without repeats, in the spelling of their first use. */
export function slugsOf(...templates: readonly CompiledTemplate[]): string[] {
  return [...firstSpellings(templates.flatMap(({ slugs }) => slugs)).values()];
}

function firstSpellings(slugs: readonly string[]): Map<string, string> {
  const spellings = new Map<string, string>();
  for (const slug of slugs) {
    const key = keyOf(slug);
    if (!spellings.has(key)) spellings.set(key, slug);
  }
  return spellings;
}

/** A rendered text, or the slugs that had no value, in the spelling of the template. */
export type Rendering = { kind: 'rendered'; text: string } | { kind: 'missing'; slugs: readonly string[] };

/**
 * Puts values in the places of slugs. A value is data: braces in it are no slugs, and it is never read again. A value
 * given as the empty text is a value; only a slug that was given none is missing.
 */
export function render(
  template: CompiledTemplate,
  values: ReadonlyMap<string, string>,
  policy: MissingSlugPolicy,
): Rendering {
  if (policy === 'strict' && !template.keys.every((key) => values.has(key))) {
    return { kind: 'missing', slugs: template.slugs.filter((slug) => !values.has(keyOf(slug))) };
  }
  let text = template.literals[0] ?? '';
  template.keys.forEach((key, index) => {
    text += values.get(key) ?? '';
    text += template.literals[index + 1] ?? '';
  });
  return { kind: 'rendered', text };
}
