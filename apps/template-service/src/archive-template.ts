import { appendOutbox, type Act } from '@herald/postgres';
import { auditTemplate } from './audit';
import type { TemplateDeps } from './deps';
import type { Template } from './domain/draft';
import { templateChanged } from './events';
import { lockTemplate, updateState } from './store/templates';

/**
 * Ends a template for good. Its versions stay readable for what was sent with them; its name stays taken. Archiving an
 * archived template answers as the first time did and tells nobody again.
 */
export function archiveTemplate(deps: TemplateDeps, act: Act, templateId: string): Promise<Template> {
  const { org } = act;
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockTemplate(tx, org, templateId);
    if (stored.state === 'ARCHIVED') return stored;
    const template: Template = { ...stored, state: 'ARCHIVED', updatedAt: deps.now() };
    await updateState(tx, org, template);
    await appendOutbox(tx, [templateChanged(org, templateId, deps)]);
    await auditTemplate(tx, act, { before: stored, after: template });
    return template;
  });
}
