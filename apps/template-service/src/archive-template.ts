import { appendOutbox } from '@herald/postgres';
import type { TemplateDeps } from './deps';
import type { Template } from './domain/draft';
import { templateChanged } from './events';
import { lockTemplate, updateState } from './store/templates';

/**
 * Ends a template for good. Its versions stay readable for what was sent with them; its name stays taken. Archiving an
 * archived template answers as the first time did and tells nobody again.
 */
export function archiveTemplate(deps: TemplateDeps, org: string, templateId: string): Promise<Template> {
  return deps.database.transaction(org, async (tx) => {
    const stored = await lockTemplate(tx, org, templateId);
    if (stored.state === 'ARCHIVED') return stored;
    const template: Template = { ...stored, state: 'ARCHIVED', updatedAt: deps.now() };
    await updateState(tx, org, template);
    await appendOutbox(tx, [templateChanged(org, templateId, deps)]);
    return template;
  });
}
