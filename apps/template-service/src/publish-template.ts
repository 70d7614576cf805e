import { PublishTemplateResponse } from '@herald/contracts/template';
import { answerOnce, appendOutbox, type Act, type Repeatable, type Tx } from '@herald/postgres';
import { auditTemplate } from './audit';
import { contentHash } from './content-hash';
import type { TemplateDeps } from './deps';
import { compileDraft } from './domain/compile-draft';
import type { Template } from './domain/draft';
import { templateChanged } from './events';
import { draftInvalid, refuseArchived, wrongState } from './refusals';
import { writeTemplate, writeVersion } from './responses';
import { lockTemplate, updateState } from './store/templates';
import { findVersion, insertVersion, type TemplateVersion } from './store/versions';

/**
 * Makes the draft the newest version and answers with the encoded response, the same bytes for every repeat of the
 * request id. The template is held meanwhile, so that of two publishers at once one gets the next number and the
 * other TEMPLATE_ALREADY_PUBLISHED, and numbers have no gaps.
 */
export function publishTemplate(
  deps: TemplateDeps,
  act: Act,
  { key, requestHash, templateId }: Repeatable & { templateId: string },
): Promise<Buffer> {
  const { org } = key;
  return answerOnce(deps.database, key, requestHash, async (tx) => {
    const stored = await lockTemplate(tx, org, templateId);
    refuseArchived(stored);
    const compiled = compileDraft(stored);
    if (compiled.kind === 'invalid') throw draftInvalid(stored.id, compiled.violations);
    await refusePublished(tx, org, stored, compiled.slugs);

    const publishedAt = deps.now();
    const publishedVersion = stored.publishedVersion + 1;
    const template: Template = { ...stored, state: 'PUBLISHED', publishedVersion, updatedAt: publishedAt };
    const version = versionOf(template, compiled.slugs, publishedAt);
    await insertVersion(tx, org, version);
    await updateState(tx, org, template);
    await appendOutbox(tx, [templateChanged(org, templateId, deps)]);
    await auditTemplate(tx, act, { before: stored, after: template, requestId: key.requestId });
    return PublishTemplateResponse.encode({
      template: writeTemplate(template),
      version: writeVersion(version),
    }).finish();
  });
}

/** The draft as the version that the template's `publishedVersion` numbers. */
function versionOf(template: Template, slugs: readonly string[], publishedAt: Date): TemplateVersion {
  const { channelType, defaultLanguage, texts, missingSlugPolicy, contentSid } = template;
  const content = {
    templateId: template.id,
    version: template.publishedVersion,
    channelType,
    defaultLanguage,
    texts,
    slugs,
    missingSlugPolicy,
    contentSid,
  };
  return { ...content, contentHash: contentHash(content), publishedAt };
}

/** A version that differs from the one before in nothing but its number would only make readers ask what changed. */
async function refusePublished(tx: Tx, org: string, stored: Template, slugs: readonly string[]): Promise<void> {
  if (stored.publishedVersion === 0) return;
  const newest = await findVersion(tx, org, stored.id, stored.publishedVersion);
  if (versionOf(stored, slugs, newest.publishedAt).contentHash !== newest.contentHash) return;
  throw wrongState('TEMPLATE_ALREADY_PUBLISHED', stored.id, { version: String(newest.version) });
}
