import type { TemplateServiceServer } from '@herald/contracts/template';
import type { AccessTable } from '@herald/grpc';

/** Who may call what; README's table says the same. Dispatch sends with versions and configuration binds to them. */
export const TEMPLATE_ACCESS: AccessTable<TemplateServiceServer> = {
  createTemplate: { scopes: ['configure'] },
  getTemplate: { scopes: ['configure', 'read', 'send'] },
  listTemplates: { scopes: ['configure', 'read', 'send'] },
  updateTemplate: { scopes: ['configure'] },
  publishTemplate: { scopes: ['configure'] },
  archiveTemplate: { scopes: ['configure'] },
  listTemplateVersions: { scopes: ['configure', 'read', 'send'] },
  getTemplateVersion: { scopes: ['configure', 'read', 'send'], services: ['dispatch', 'configuration'] },
  previewTemplate: { scopes: ['configure', 'read', 'send'] },
  submitTemplateApproval: { scopes: ['configure'] },
  syncTemplateApproval: { scopes: ['configure'] },
};
