import type { PromiseClient } from '@herald/grpc';
import {
  DeliveryGuarantee,
  Purpose,
  type ConfigurationServiceClient,
  type ResolveConfigurationResponse,
} from '@herald/contracts/configuration';
import {
  MissingSlugPolicy,
  type GetTemplateVersionResponse,
  type TemplateServiceClient,
  type TemplateVersion,
} from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { HeraldError, isReason, REASONS } from '@herald/errors';
import { compileTemplate, type CompiledTemplate } from '@herald/rendering';
import { agedCache } from './aged-cache';
import type { ResolvedConfiguration } from './resolved-configuration';

/** How old a configuration may be when it is sent with: a deactivation takes effect within this time even if its event is lost. */
const CONFIGURATION_AGE_MS_MAX = 5_000;
const COMPILED_VERSIONS_MAX = 2_000;

/** What the cache asks, and whose clock it lives by. */
export interface CacheDeps {
  configurations: Pick<PromiseClient<ConfigurationServiceClient>, 'resolveConfiguration'>;
  templates: Pick<PromiseClient<TemplateServiceClient>, 'getTemplateVersion'>;
  monotonicMs(): number;
}

/** Resolves configurations, each asked for at most every 5 seconds. */
export interface ConfigurationCache {
  /**
   * All that a request with this configuration is pinned to. Throws CONFIGURATION_NOT_FOUND, or as FAILED_PRECONDITION
   * what stands in a send's way: the first reason is the error's, all of them are its preconditions.
   */
  resolve(org: string, configurationId: string, signal: AbortSignal): Promise<ResolvedConfiguration>;
  /** Forgets all that is known of an organisation's configurations; published texts never change and stay. */
  drop(org: string): void;
}

/**
 * Keeps what was resolved for at most 5 s. Texts are compiled once per published version, because a version never changes.
 */
export function configurationCache(deps: CacheDeps): ConfigurationCache {
  const compiled = new Map<string, ReadonlyMap<string, CompiledTemplate>>();

  const ask = async (org: string, configurationId: string): Promise<ResolvedConfiguration> => {
    const found = await deps.configurations.resolveConfiguration({ outboundConfigurationId: configurationId }, { org });
    const templateId = found.outboundConfiguration?.templateId ?? '';
    const template = await deps.templates
      .getTemplateVersion({ templateId, version: 0 }, { org })
      .catch((error: unknown) => asBlocker(error));
    const blockers = [...found.blockers, ...(typeof template === 'string' ? [template] : blockersOf(template))];
    refuseBlocked(configurationId, blockers);
    const version = typeof template === 'string' ? undefined : template.version;
    return combine(found, version, textsOf(version, compiled));
  };

  const answers = agedCache({ ageMsMax: CONFIGURATION_AGE_MS_MAX, monotonicMs: deps.monotonicMs, ask });
  return {
    resolve: (org, configurationId, signal) => orAborted(answers.get(org, configurationId), signal),
    drop: (org) => answers.drop(org),
  };
}

/** One caller's patience does not end a question that others share. */
function orAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  return Promise.race([answer, aborted]).finally(() => signal.removeEventListener('abort', onAbort));
}

/** A template that cannot be sent is a state of the configuration, not a fault of the call; all else stays an error. */
function asBlocker(error: unknown): string {
  if (error instanceof HeraldError) {
    if (error.reason === 'TEMPLATE_NOT_PUBLISHED' || error.reason === 'TEMPLATE_ARCHIVED') return error.reason;
    if (error.reason === 'TEMPLATE_NOT_FOUND' || error.reason === 'TEMPLATE_VERSION_NOT_FOUND')
      return 'TEMPLATE_NOT_PUBLISHED';
  }
  throw error;
}

function blockersOf({ archived }: GetTemplateVersionResponse): string[] {
  return archived ? ['TEMPLATE_ARCHIVED'] : [];
}

function refuseBlocked(configurationId: string, blockers: readonly string[]): void {
  const first = blockers[0];
  if (first === undefined) return;
  const reason = isReason(first) ? first : 'CONFIGURATION_INACTIVE';
  throw new HeraldError(reason, `${REASONS[reason].text} The configuration cannot be sent with until then.`, {
    metadata: { configurationId, blockers: blockers.join(' ') },
    preconditions: blockers.map((type) => ({
      type,
      subject: `configuration/${configurationId}`,
      description: isReason(type) ? REASONS[type].text : type,
    })),
  });
}

function textsOf(
  version: TemplateVersion | undefined,
  compiled: Map<string, ReadonlyMap<string, CompiledTemplate>>,
): ReadonlyMap<string, CompiledTemplate> {
  if (!version) return new Map();
  const key = `${version.templateId}/${version.version}`;
  const known = compiled.get(key);
  if (known) return known;
  const texts = new Map(version.localizedTexts.map(({ language, text }) => [language, compileTemplate(text)]));
  putBounded(compiled, key, texts, COMPILED_VERSIONS_MAX);
  return texts;
}

function combine(
  { outboundConfiguration, channel, settings }: ResolveConfigurationResponse,
  version: TemplateVersion | undefined,
  texts: ReadonlyMap<string, CompiledTemplate>,
): ResolvedConfiguration {
  if (!outboundConfiguration || !channel || !settings || !version) {
    throw new Error('configuration-service resolved a configuration without its parts');
  }
  if (outboundConfiguration.channelType !== ChannelType.SMS) {
    throw new HeraldError('CHANNEL_TYPE_UNSUPPORTED', 'Only SMS can be sent so far. Use a configuration for SMS.', {
      metadata: { channelType: outboundConfiguration.channelType },
    });
  }
  const validFor = outboundConfiguration.validFor;
  return {
    channelType: 'SMS',
    showInTimeline: outboundConfiguration.showInTimeline,
    strict2020: settings.strict2020,
    template: {
      defaultLanguage: version.defaultLanguage,
      texts,
      missingSlugPolicy: version.missingSlugPolicy === MissingSlugPolicy.EMPTY ? 'empty' : 'strict',
    },
    templateId: version.templateId,
    templateVersion: version.version,
    channelId: channel.id,
    channelAccountId: channel.channelAccountId,
    deliveryGuarantee:
      outboundConfiguration.deliveryGuarantee === DeliveryGuarantee.AT_LEAST_ONCE ? 'AT_LEAST_ONCE' : 'AT_MOST_ONCE',
    purpose: outboundConfiguration.purpose === Purpose.MARKETING ? 'MARKETING' : 'TRANSACTIONAL',
    validForMs: validFor ? validFor.seconds * 1000 + validFor.nanos / 1e6 : undefined,
    contactsPerRequestMax: settings.contactsPerRequestMax,
    requestsPerHourMax: settings.requestsPerHourMax,
    spreadSenders: settings.spreadSenders,
  };
}

function putBounded<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
