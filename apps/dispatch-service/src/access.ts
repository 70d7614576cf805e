import type { DispatchServiceServer } from '@herald/contracts/dispatch';
import type { AccessTable } from '@herald/grpc';

/** Who may call what; README's table says the same. Agents' replies come from conversation-service alone. */
export const DISPATCH_ACCESS: AccessTable<DispatchServiceServer> = {
  sendOutboundMessages: { scopes: ['send'] },
  previewOutboundMessages: { scopes: ['send', 'read'] },
  streamOutboundMessages: { scopes: ['send'] },
  getRequest: { scopes: ['send', 'read'] },
  listRequests: { scopes: ['send', 'read'] },
  cancelRequest: { scopes: ['send', 'operator'] },
  pauseRequest: { scopes: ['send', 'operator'] },
  resumeRequest: { scopes: ['send', 'operator'] },
  watchRequest: { scopes: ['send', 'read'] },
  getMessage: { scopes: ['send', 'read'] },
  listMessages: { scopes: ['send', 'read'] },
  resolveMessage: { scopes: ['operator'] },
  placeHold: { scopes: ['operator'] },
  releaseHold: { scopes: ['operator'] },
  listHolds: { scopes: ['read', 'operator'] },
  getQuota: { scopes: ['send', 'read'] },
  runFlow: { scopes: ['send'] },
  getFlowRun: { scopes: ['send', 'read'] },
  listFlowRuns: { scopes: ['send', 'read'] },
  publishEntityEvents: { scopes: ['send'] },
  addSuppression: { scopes: ['configure', 'operator'] },
  removeSuppression: { scopes: ['operator'] },
  listSuppressions: { scopes: ['read', 'operator'] },
  getDeliveryReport: { scopes: ['read'] },
  checkLedger: { scopes: ['read', 'operator'] },
  sendReply: { services: ['conversation'] },
  eraseContact: { scopes: ['operator'] },
  exportConsent: { scopes: ['operator'] },
};
