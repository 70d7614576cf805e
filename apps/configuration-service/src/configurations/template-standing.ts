import { ChannelType } from '@herald/contracts/type';
import { HeraldError } from '@herald/errors';
import type { ConfigurationDeps } from '../deps';
import type { TemplateStanding } from './blockers';

const TYPES: Readonly<Partial<Record<ChannelType, string>>> = {
  [ChannelType.SMS]: 'SMS',
  [ChannelType.WHATSAPP]: 'WHATSAPP',
  [ChannelType.X_DIRECT_MESSAGE]: 'X_DIRECT_MESSAGE',
};

/** Asks template-service where a template stands. Throws TEMPLATE_NOT_FOUND. */
export async function templateStanding(
  { templates }: Pick<ConfigurationDeps, 'templates'>,
  { org, templateId }: { org: string; templateId: string },
  signal: AbortSignal,
): Promise<TemplateStanding> {
  try {
    const { archived, version } = await templates.getTemplateVersion({ templateId, version: 0 }, { org, signal });
    const channelType = version && TYPES[version.channelType];
    return { blockers: archived ? ['TEMPLATE_ARCHIVED'] : [], channelType };
  } catch (error) {
    if (!(error instanceof HeraldError) || error.reason !== 'TEMPLATE_NOT_PUBLISHED') throw error;
    return { blockers: [error.reason], channelType: undefined };
  }
}
