const SLUG_LENGTH_MAX = 100;
/** A name, or a name of somebody: `OrderNumber`, `FullName{Customer}`. Marks are the vowel signs of Indic scripts. */
const SLUG_FORM = /^[\p{L}\p{N}_][\p{L}\p{M}\p{N}_.\- ]*(\{\s*\p{L}+\s*\})?$/u;

/** The slugs of a person: what Herald fills from the customer's name, and what a conversation fills of its agent. */
const PERSON_SLUGS: ReadonlySet<string> = new Set(
  ['customer', 'agent'].flatMap((person) =>
    ['fullname', 'firstname', 'lastname', 'nickname'].map((part) => `${part}{${person}}`),
  ),
);

/** How a slug or a context item is looked up: without regard to case, composition, and spaces around braces. */
export function keyOf(name: string): string {
  return name
    .normalize('NFC')
    .trim()
    .toLowerCase()
    .replace(/\s*([{}])\s*/g, '$1');
}

/** Whether the text between the braces is the name of a slug. */
export function isSlugName(name: string): boolean {
  return name.length <= SLUG_LENGTH_MAX && SLUG_FORM.test(name);
}

/**
 * Whether a slug can get a value at all. A plain name can, by a context item; a name of somebody must be one of those
 * that are filled, because a typing error in it would cost every contact the message.
 */
export function isSlugKnown(name: string): boolean {
  return !name.includes('{') || PERSON_SLUGS.has(keyOf(name));
}
