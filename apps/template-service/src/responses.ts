import {
  missingSlugPolicyFromJSON,
  template_StateFromJSON,
  type Template as WireTemplate,
  type TemplateVersion as WireTemplateVersion,
} from '@herald/contracts/template';
import { channelTypeFromJSON } from '@herald/contracts/type';
import type { Template } from './domain/draft';
import type { TemplateVersion } from './store/versions';

/** The template as the contract shows it. */
export function writeTemplate(template: Template): WireTemplate {
  return {
    id: template.id,
    name: template.name,
    channelType: channelTypeFromJSON(`CHANNEL_TYPE_${template.channelType}`),
    defaultLanguage: template.defaultLanguage,
    localizedTexts: template.texts.map(({ language, text }) => ({ language, text })),
    missingSlugPolicy: missingSlugPolicyFromJSON(`MISSING_SLUG_POLICY_${template.missingSlugPolicy}`),
    state: template_StateFromJSON(`STATE_${template.state}`),
    publishedVersion: template.publishedVersion,
    revision: template.revision,
    contentSid: template.contentSid,
    createTime: template.createdAt,
    updateTime: template.updatedAt,
  };
}

/** The version as the contract shows it. */
export function writeVersion(version: TemplateVersion): WireTemplateVersion {
  return {
    templateId: version.templateId,
    version: version.version,
    channelType: channelTypeFromJSON(`CHANNEL_TYPE_${version.channelType}`),
    defaultLanguage: version.defaultLanguage,
    localizedTexts: version.texts.map(({ language, text }) => ({ language, text })),
    slugs: [...version.slugs],
    missingSlugPolicy: missingSlugPolicyFromJSON(`MISSING_SLUG_POLICY_${version.missingSlugPolicy}`),
    contentSid: version.contentSid,
    contentHash: version.contentHash,
    publishTime: version.publishedAt,
  };
}
