import { CreateOutboundConfigurationResponse } from '@herald/contracts/configuration';
import { answerOnce, findAnswer, type Act, type Repeatable, type Tx } from '@herald/postgres';
import { findAccount } from '../accounts/account-store';
import { findChannel } from '../channels/channel-store';
import { auditConfiguration } from '../audit';
import type { ConfigurationDeps } from '../deps';
import { announceChange } from '../events';
import { channelBlockers, refuseBlocked, refuseMixedTypes, type TemplateStanding } from './blockers';
import { writeConfiguration, type GivenConfiguration } from './configuration-messages';
import { insertConfiguration, type Configuration } from './configuration-store';
import { templateStanding } from './template-standing';

/**
 * Creates an outbound configuration, active, on a channel and a template that can be sent with. Template-service is
 * asked before the transaction begins, and not at all for a repeat: that one gets the first answer, whatever became of
 * the template since.
 */
export async function createOutboundConfiguration(
  deps: ConfigurationDeps,
  act: Act & { signal: AbortSignal },
  { key, requestHash, given }: Repeatable & { given: GivenConfiguration },
): Promise<Buffer> {
  const { org } = key;
  const earlier = await deps.database.read(org, (tx) => findAnswer(tx, key, requestHash));
  if (earlier) return earlier;
  const template = await templateStanding(deps, { org, templateId: given.templateId }, act.signal);
  return answerOnce(deps.database, key, requestHash, async (tx) => {
    await refuseUnusable(tx, org, given, template);
    const createdAt = deps.now();
    const configuration: Configuration = {
      ...given,
      id: deps.newId(),
      state: 'ACTIVE',
      createdAt,
      updatedAt: createdAt,
    };
    await insertConfiguration(tx, org, configuration);
    await announceChange(tx, deps, { org, kind: 'OUTBOUND_CONFIGURATION', id: configuration.id });
    await auditConfiguration(tx, act, { after: configuration, requestId: key.requestId });
    const response = { outboundConfiguration: writeConfiguration(configuration) };
    return CreateOutboundConfigurationResponse.encode(response).finish();
  });
}

/** Throws what keeps a configuration from being sent with: types that differ, or states that forbid it. */
export async function refuseUnusable(
  tx: Tx,
  org: string,
  given: Pick<GivenConfiguration, 'channelId' | 'channelType' | 'templateId'>,
  template: TemplateStanding,
): Promise<void> {
  const channel = await findChannel(tx, org, given.channelId);
  const account = await findAccount(tx, org, channel.channelAccountId);
  refuseMixedTypes({ configuration: given.channelType, channel: channel.channelType, template: template.channelType });
  refuseBlocked([...channelBlockers(channel, account), ...template.blockers], given);
}
