import {
  Template as WireTemplate,
  Template_State,
  type CreateTemplateRequest,
  type ListTemplatesRequest,
  type PreviewTemplateRequest,
  type PublishTemplateRequest,
  type UpdateTemplateRequest,
} from '@herald/contracts/template';
import { invalidFields, type FieldViolation } from '@herald/errors';
import type { CallContext } from '@herald/grpc';
import { repeatable, type Repeatable } from '@herald/postgres';
import { validate as isUuid } from 'uuid';
import { checkDraft } from './domain/check-draft';
import type { GivenDraft, Template } from './domain/draft';
import type { Preview } from './preview-template';
import type { Update } from './update-template';

const CONTEXT_ITEMS_MAX = 100;

/**
 * Reads a request to create. With a request id the draft is not judged yet: a repeat gets the first answer, whatever
 * is thought of its draft by now. Without one, everything that is wrong is listed at once.
 */
export function readCreate(request: CreateTemplateRequest, context: CallContext): Repeatable & { given: GivenDraft } {
  const given = readGivenDraft(request.template);
  const idViolations = requestIdViolations(request.requestId);
  if (idViolations.length > 0) {
    const checked = checkDraft(given);
    throw invalidFields([...idViolations, ...(checked.kind === 'invalid' ? checked.violations : [])]);
  }
  return { ...repeatable(context, 'CreateTemplate', { requestId: request.requestId, content: given }), given };
}

/** Reads a request to publish. */
export function readPublish(
  request: PublishTemplateRequest,
  context: CallContext,
): Repeatable & { templateId: string } {
  refuseInvalid([...requestIdViolations(request.requestId), ...templateIdViolations(request.templateId)]);
  const templateId = request.templateId.toLowerCase();
  return {
    ...repeatable(context, 'PublishTemplate', { requestId: request.requestId, content: { templateId } }),
    templateId,
  };
}

/** Reads a request to update; the mask and the new values are judged by the use case. */
export function readUpdate({ template, updateMask, revision }: UpdateTemplateRequest): Update {
  const violations = templateIdViolations(template?.id ?? '', 'template.id');
  if (revision < 0) {
    violations.push({
      field: 'revision',
      reason: 'FIELD_OUT_OF_RANGE',
      description: 'must be 0 or a revision, from 1',
    });
  }
  refuseInvalid(violations);
  return {
    templateId: (template?.id ?? '').toLowerCase(),
    given: readGivenDraft(template),
    mask: updateMask ?? [],
    revision,
  };
}

/** Reads a template's id. */
export function readTemplateId({ templateId }: { templateId: string }): string {
  refuseInvalid(templateIdViolations(templateId));
  return templateId.toLowerCase();
}

/** Reads which version of which template is meant; 0 is left to the use case. */
export function readVersion(request: { templateId: string; version: number }): { templateId: string; version: number } {
  refuseInvalid([...templateIdViolations(request.templateId), ...versionViolations(request.version)]);
  return { templateId: request.templateId.toLowerCase(), version: request.version };
}

/** Reads what is to be previewed for whom. */
export function readPreview(request: PreviewTemplateRequest): Preview {
  const violations = [...templateIdViolations(request.templateId), ...versionViolations(request.version)];
  const items = Object.keys(request.contextItems).length;
  if (items > CONTEXT_ITEMS_MAX) {
    const description = `has ${items} items; at most ${CONTEXT_ITEMS_MAX} are allowed`;
    violations.push({ field: 'context_items', reason: 'FIELD_TOO_MANY', description });
  }
  refuseInvalid(violations);
  const { version, locale, contextItems, customerName, caseName } = request;
  return {
    templateId: request.templateId.toLowerCase(),
    version,
    locale,
    contact: { contextItems, customerName, caseName },
  };
}

/** Reads the state that a list is narrowed to; null for all. */
export function readState({ state }: Pick<ListTemplatesRequest, 'state'>): Template['state'] | null {
  if (state === Template_State.UNSPECIFIED) return null;
  if (state === Template_State.DRAFT) return 'DRAFT';
  if (state === Template_State.PUBLISHED) return 'PUBLISHED';
  if (state === Template_State.ARCHIVED) return 'ARCHIVED';
  const description = 'must be STATE_DRAFT, STATE_PUBLISHED or STATE_ARCHIVED';
  throw invalidFields([{ field: 'state', reason: 'FIELD_UNKNOWN_VALUE', description }]);
}

/** What a caller may set of a template; output-only fields are ignored, and no template is an empty one. */
function readGivenDraft(template: WireTemplate = WireTemplate.create()): GivenDraft {
  return {
    name: template.name,
    channelType: withoutPrefix(template.channelType, 'CHANNEL_TYPE_') as GivenDraft['channelType'],
    defaultLanguage: template.defaultLanguage,
    texts: template.localizedTexts.map(({ language, text }) => ({ language, text })),
    missingSlugPolicy: withoutPrefix(
      template.missingSlugPolicy,
      'MISSING_SLUG_POLICY_',
    ) as GivenDraft['missingSlugPolicy'],
    contentSid: template.contentSid,
  };
}

/** Values of enums go without the prefix that makes them unique in protobuf. */
function withoutPrefix(value: string, prefix: string): string {
  return value.startsWith(prefix) ? value.slice(prefix.length) : value;
}

function requestIdViolations(requestId: string): FieldViolation[] {
  if (isUuid(requestId)) return [];
  const description = 'must be a UUID made by the caller, the same for a repeat of this call';
  return [{ field: 'request_id', reason: requestId === '' ? 'FIELD_REQUIRED' : 'FIELD_MALFORMED', description }];
}

function templateIdViolations(templateId: string, field = 'template_id'): FieldViolation[] {
  if (isUuid(templateId)) return [];
  const description = 'must be the id of a template, a UUID';
  return [{ field, reason: templateId === '' ? 'FIELD_REQUIRED' : 'FIELD_MALFORMED', description }];
}

function versionViolations(version: number): FieldViolation[] {
  if (version >= 0) return [];
  return [{ field: 'version', reason: 'FIELD_OUT_OF_RANGE', description: 'must be 0 or a version, from 1' }];
}

function refuseInvalid(violations: FieldViolation[]): void {
  if (violations.length > 0) throw invalidFields(violations);
}
