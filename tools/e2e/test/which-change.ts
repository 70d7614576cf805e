import type { Rpc } from './every-rpc';

/** Of each service, the RPCs that change something of an organisation, and those that only read. */
const TABLE: Record<Rpc['service'], { change: string; read: string }> = {
  TemplateService: {
    change: 'CreateTemplate UpdateTemplate PublishTemplate ArchiveTemplate SubmitTemplateApproval SyncTemplateApproval',
    read: 'GetTemplate ListTemplates ListTemplateVersions GetTemplateVersion PreviewTemplate',
  },
  ConfigurationService: {
    change: `CreateChannelAccount UpdateChannelAccount ValidateChannelAccount RotateChannelAccountCredentials
      DisableChannelAccount CreateChannel UpdateChannel ValidateChannel DisableChannel CreateOutboundConfiguration
      UpdateOutboundConfiguration ActivateOutboundConfiguration DeactivateOutboundConfiguration CreateFlow UpdateFlow
      ActivateFlow DeactivateFlow UpdateOrganizationSettings SubmitProviderTemplate`,
    read: `GetChannelAccount ListChannelAccounts GetChannelById ListChannels GetOutboundConfiguration
      ListOutboundConfigurations GetFlow ListFlows GetOrganizationSettings ResolveConfiguration
      GetChannelAccountCredentials ResolveWebhookAccount GetProviderTemplate`,
  },
  DispatchService: {
    change: `SendOutboundMessages StreamOutboundMessages CancelRequest PauseRequest ResumeRequest ResolveMessage PlaceHold
      ReleaseHold RunFlow PublishEntityEvents AddSuppression RemoveSuppression SendReply EraseContact`,
    read: `PreviewOutboundMessages GetRequest ListRequests WatchRequest GetMessage ListMessages ListMessageSteps ListHolds GetDispatchStatus
      GetQuota GetFlowRun ListFlowRuns ListSuppressions GetDeliveryReport CheckLedger ExportConsent`,
  },
  ConversationService: {
    change: `CreateWorkstream UpdateWorkstream DeleteWorkstream CreateQueue UpdateQueue DeleteQueue CreateAgent UpdateAgent
      DeleteAgent CreateSkill UpdateSkill DeleteSkill CreateCapacityProfile UpdateCapacityProfile DeleteCapacityProfile
      CreateRoutingRule UpdateRoutingRule DeleteRoutingRule CreateOperatingHours UpdateOperatingHours DeleteOperatingHours
      CreateQuickReply UpdateQuickReply DeleteQuickReply AgentSession AcceptOffer DeclineOffer SendAgentMessage
      TransferConversation ConsultAgent EndConversation AssignConversation ForceCloseConversation`,
    read: `GetWorkstream ListWorkstreams GetQueue ListQueues GetAgent ListAgents GetSkill ListSkills GetCapacityProfile
      ListCapacityProfiles GetRoutingRule ListRoutingRules GetOperatingHours ListOperatingHours GetQuickReply
      ListQuickReplies GetConversation ListConversations ListTimelineEntries MonitorConversation GetConversationReport`,
  },
  AuditService: { change: '', read: 'ListAuditEntries CheckAuditLog' },
};

/** Whether an RPC changes something; undefined where the table has no row for it, or two. */
export function changes({ service, name }: Pick<Rpc, 'service' | 'name'>): boolean | undefined {
  const isIn = (list: string) => list.split(/\s+/).includes(name);
  const [doesChange, doesRead] = [isIn(TABLE[service].change), isIn(TABLE[service].read)];
  return doesChange === doesRead ? undefined : doesChange;
}
