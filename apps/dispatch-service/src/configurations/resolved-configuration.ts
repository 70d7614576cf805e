import type { PlanSettings } from '../accept/plan-contacts';

/** An outbound configuration with all that a request is pinned to: its sender, its published template version, its limits. */
export interface ResolvedConfiguration extends PlanSettings {
  templateId: string;
  templateVersion: number;
  channelId: string;
  channelAccountId: string;
  deliveryGuarantee: 'AT_MOST_ONCE' | 'AT_LEAST_ONCE';
  purpose: 'TRANSACTIONAL' | 'MARKETING';
  /** Undefined where the default of the service holds. */
  validForMs: number | undefined;
  contactsPerRequestMax: number;
  requestsPerHourMax: number;
  /** Whether each sender of the organisation has a shard of its own. */
  spreadSenders: boolean;
}
