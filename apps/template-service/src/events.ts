import { ConfigurationChanged, ConfigurationChanged_Kind } from '@herald/contracts/event';
import type { OutboxEvent } from '@herald/postgres';
import type { TemplateDeps } from './deps';

/**
 * The announcement that a template has a new version or is archived: the two things about a template that others keep
 * a copy of. A change of a draft is announced to nobody, because nobody sends with it.
 */
export function templateChanged(
  org: string,
  templateId: string,
  { newId, now }: Pick<TemplateDeps, 'newId' | 'now'>,
): OutboxEvent {
  const payload = ConfigurationChanged.encode({
    orgId: org,
    kind: ConfigurationChanged_Kind.TEMPLATE,
    id: templateId,
  }).finish();
  return {
    topic: 'herald.configuration.v1',
    key: `${org}/TEMPLATE/${templateId}`,
    type: 'herald.event.v1.ConfigurationChanged',
    id: newId(),
    time: now(),
    payload,
  };
}
