import {
  CreateTemplateResponse,
  PublishTemplateResponse,
  type TemplateServiceServer,
} from '@herald/contracts/template';
import { unary, unimplemented } from '@herald/grpc';
import { archiveTemplate } from './archive-template';
import { createTemplate } from './create-template';
import type { TemplateDeps } from './deps';
import { previewTemplate } from './preview-template';
import { publishTemplate } from './publish-template';
import { readCreate, readPreview, readPublish, readState, readTemplateId, readUpdate, readVersion } from './requests';
import { writeTemplate } from './responses';
import { getTemplate, listTemplates } from './template-queries';
import { getTemplateVersion, listTemplateVersions } from './template-versions';
import { updateTemplate } from './update-template';

/** The gRPC face of templates: reads the request, calls one use case, writes the response. It decides nothing. */
export function templateService(deps: TemplateDeps): TemplateServiceServer {
  return {
    createTemplate: unary(async (request, context) =>
      CreateTemplateResponse.decode(await createTemplate(deps, context, readCreate(request, context))),
    ),
    getTemplate: unary(async (request, { org }) => ({
      template: writeTemplate(await getTemplate(deps, org, readTemplateId(request))),
    })),
    listTemplates: unary((request, { org }) => listTemplates(deps, org, { ...request, state: readState(request) })),
    updateTemplate: unary(async (request, context) => ({
      template: writeTemplate(await updateTemplate(deps, context, readUpdate(request))),
    })),
    publishTemplate: unary(async (request, context) =>
      PublishTemplateResponse.decode(await publishTemplate(deps, context, readPublish(request, context))),
    ),
    archiveTemplate: unary(async (request, context) => ({
      template: writeTemplate(await archiveTemplate(deps, context, readTemplateId(request))),
    })),
    listTemplateVersions: unary((request, { org }) =>
      listTemplateVersions(deps, org, { ...request, templateId: readTemplateId(request) }),
    ),
    getTemplateVersion: unary((request, { org }) => getTemplateVersion(deps, org, readVersion(request))),
    previewTemplate: unary((request, { org }) => previewTemplate(deps, org, readPreview(request))),
    // WhatsApp approval needs the provider's content API, which no version calls yet.
    submitTemplateApproval: unimplemented(),
    syncTemplateApproval: unimplemented(),
  };
}
