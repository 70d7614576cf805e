import type { ConfigurationServiceServer } from '@herald/contracts/configuration';
import type { Access, AccessTable } from '@herald/grpc';

const WRITE: Access = { scopes: ['configure'] };
const READ: Access = { scopes: ['configure', 'read', 'send'] };

/** Who may call what; README's table says the same. Secrets leave by two methods, each for one service. */
export const CONFIGURATION_ACCESS: AccessTable<ConfigurationServiceServer> = {
  createChannelAccount: WRITE,
  getChannelAccount: READ,
  listChannelAccounts: READ,
  updateChannelAccount: WRITE,
  validateChannelAccount: WRITE,
  rotateChannelAccountCredentials: WRITE,
  disableChannelAccount: WRITE,
  createChannel: WRITE,
  getChannelById: { ...READ, services: ['dispatch'] },
  listChannels: READ,
  updateChannel: WRITE,
  validateChannel: WRITE,
  disableChannel: WRITE,
  createOutboundConfiguration: WRITE,
  getOutboundConfiguration: READ,
  listOutboundConfigurations: READ,
  updateOutboundConfiguration: WRITE,
  activateOutboundConfiguration: WRITE,
  deactivateOutboundConfiguration: WRITE,
  createFlow: WRITE,
  getFlow: READ,
  listFlows: READ,
  updateFlow: WRITE,
  activateFlow: WRITE,
  deactivateFlow: WRITE,
  getOrganizationSettings: { scopes: ['configure', 'read', 'send', 'operator'], services: ['dispatch'] },
  updateOrganizationSettings: { scopes: ['configure', 'operator'] },
  resolveConfiguration: { services: ['dispatch'] },
  getChannelAccountCredentials: { services: ['dispatch'] },
  resolveWebhookAccount: { services: ['gateway'], withoutOrg: true },
  submitProviderTemplate: { services: ['template'] },
  getProviderTemplate: { services: ['template'] },
};
