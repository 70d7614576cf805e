import { requestHash } from '@herald/postgres';
import type { TemplateVersion } from './store/versions';

/**
 * SHA-256 over all that a version says, in hexadecimal, for whoever wants to prove which text was sent. The order of
 * the texts counts, the time of publishing does not.
 */
export function contentHash(content: Omit<TemplateVersion, 'contentHash' | 'publishedAt'>): string {
  const { templateId, version, channelType, defaultLanguage, texts, slugs, missingSlugPolicy, contentSid } = content;
  const canonical = {
    templateId,
    version,
    channelType: `CHANNEL_TYPE_${channelType}`,
    defaultLanguage,
    localizedTexts: texts.map(({ language, text }) => ({ language, text })),
    slugs,
    missingSlugPolicy: `MISSING_SLUG_POLICY_${missingSlugPolicy}`,
    contentSid,
  };
  return requestHash(canonical).toString('hex');
}
