import type { FieldViolation } from '@herald/errors';
import type { Draft, GivenDraft } from './draft';

/** How each field that an update mask may name is told from an absent one, and taken over. */
const UPDATABLE = {
  name: { isSet: ({ name }) => name !== '', take: ({ name }) => ({ name }) },
  default_language: {
    isSet: ({ defaultLanguage }) => defaultLanguage !== '',
    take: ({ defaultLanguage }) => ({ defaultLanguage }),
  },
  localized_texts: { isSet: ({ texts }) => texts.length > 0, take: ({ texts }) => ({ texts }) },
  missing_slug_policy: {
    isSet: ({ missingSlugPolicy }) => missingSlugPolicy !== 'UNSPECIFIED',
    take: ({ missingSlugPolicy }) => ({ missingSlugPolicy }),
  },
  content_sid: { isSet: ({ contentSid }) => contentSid !== '', take: ({ contentSid }) => ({ contentSid }) },
} satisfies Record<string, { isSet(given: GivenDraft): boolean; take(given: GivenDraft): Partial<GivenDraft> }>;

type UpdatableField = keyof typeof UPDATABLE;

function isUpdatable(path: string): path is UpdatableField {
  return Object.hasOwn(UPDATABLE, path);
}

/** What is wrong with an update mask: each path that names no field an update may change. */
export function maskViolations(mask: readonly string[]): FieldViolation[] {
  return mask.flatMap((path, index): FieldViolation[] => {
    if (isUpdatable(path)) return [];
    const field = `update_mask.paths[${index}]`;
    if (path === 'channel_type') {
      return [{ field, reason: 'FIELD_IMMUTABLE', description: 'channel_type stays as the template was created with' }];
    }
    const description = `must be one of ${Object.keys(UPDATABLE).join(', ')}`;
    return [{ field, reason: 'FIELD_UNKNOWN_VALUE', description }];
  });
}

/**
 * The stored draft with the fields of the mask as given; with an empty mask, all that are set. The result is still to
 * be checked. A channel type that is given stays in it, so that the check of the whole sees a change of it.
 */
export function applyUpdate(stored: Draft, given: GivenDraft, mask: readonly string[]): GivenDraft {
  const fields = Object.keys(UPDATABLE).filter(isUpdatable);
  const taken = fields.filter((field) => (mask.length === 0 ? UPDATABLE[field].isSet(given) : mask.includes(field)));
  return taken.reduce<GivenDraft>((draft, field) => ({ ...draft, ...UPDATABLE[field].take(given) }), stored);
}

/** The violation of an update without a mask that gives another channel type than the template has. */
export function channelTypeViolations(stored: Draft, given: GivenDraft, mask: readonly string[]): FieldViolation[] {
  if (mask.length > 0 || given.channelType === 'UNSPECIFIED' || given.channelType === stored.channelType) return [];
  const description = `stays ${stored.channelType}, as the template was created with`;
  return [{ field: 'template.channel_type', reason: 'FIELD_IMMUTABLE', description }];
}

/** Whether two drafts are the same to their last character. */
export function isSameDraft(one: Draft, other: Draft): boolean {
  return (
    one.name === other.name &&
    one.defaultLanguage === other.defaultLanguage &&
    one.missingSlugPolicy === other.missingSlugPolicy &&
    one.contentSid === other.contentSid &&
    one.texts.length === other.texts.length &&
    one.texts.every(({ language, text }, index) => {
      const theirs = other.texts[index];
      return theirs !== undefined && theirs.language === language && theirs.text === text;
    })
  );
}
