import { CreateTemplateResponse } from '@herald/contracts/template';
import { invalidFields } from '@herald/errors';
import { answerOnce, type Act, type Repeatable } from '@herald/postgres';
import { auditTemplate } from './audit';
import type { TemplateDeps } from './deps';
import { checkDraft } from './domain/check-draft';
import type { GivenDraft, Template } from './domain/draft';
import { writeTemplate } from './responses';
import { insertTemplate } from './store/templates';

/**
 * Creates a template as a draft and answers with the encoded response, the same bytes for every repeat of the request
 * id. Nobody is told: until a version is published nothing can be sent with it.
 */
export function createTemplate(
  deps: TemplateDeps,
  act: Act,
  { key, requestHash, given }: Repeatable & { given: GivenDraft },
): Promise<Buffer> {
  return answerOnce(deps.database, key, requestHash, async (tx) => {
    const checked = checkDraft(given);
    if (checked.kind === 'invalid') throw invalidFields(checked.violations);
    const createdAt = deps.now();
    const template: Template = {
      ...checked.draft,
      id: deps.newId(),
      state: 'DRAFT',
      publishedVersion: 0,
      revision: 1,
      createdAt,
      updatedAt: createdAt,
    };
    await insertTemplate(tx, key.org, template);
    await auditTemplate(tx, act, { after: template, requestId: key.requestId });
    return CreateTemplateResponse.encode({ template: writeTemplate(template) }).finish();
  });
}
