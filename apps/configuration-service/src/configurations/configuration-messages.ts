import {
  DeliveryGuarantee,
  OutboundConfiguration_ConversationCreation as ConversationCreation,
  OutboundConfiguration_State,
  Purpose,
  OutboundConfiguration as WireConfiguration,
} from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import type { Immutable, Violations } from '../reading';
import type { Configuration } from './configuration-store';

const VALID_FOR_MS_MIN = 1_000;
const VALID_FOR_MS_MAX = 7 * 24 * 3_600_000;

/** What a caller says of a configuration. */
export type GivenConfiguration = Omit<Configuration, 'id' | 'state' | 'createdAt' | 'updatedAt'>;

/** The fields an update may change, as the mask names them, and as they are stored. */
const CHANGEABLE = {
  name: 'name',
  show_in_timeline: 'showInTimeline',
  channel_id: 'channelId',
  template_id: 'templateId',
  delivery_guarantee: 'deliveryGuarantee',
  purpose: 'purpose',
  valid_for: 'validForMs',
  conversation_creation: 'conversationCreation',
} as const satisfies Record<string, keyof GivenConfiguration>;

/** Reads a configuration; faults are added to the violations. `isWanted` tells which fields count; others are not judged. */
export function readConfiguration(
  violations: Violations,
  configuration: WireConfiguration | undefined,
  isWanted: (field: string) => boolean = () => true,
): GivenConfiguration {
  if (configuration === undefined) violations.add('outbound_configuration', 'FIELD_REQUIRED', 'must be given');
  const given = configuration ?? WireConfiguration.fromPartial({});
  const field = (name: string) => `outbound_configuration.${name}`;
  if (isWanted('channel_type') && given.channelType !== ChannelType.SMS) {
    const description = 'must be CHANNEL_TYPE_SMS, the only type served so far';
    violations.add(field('channel_type'), 'FIELD_UNKNOWN_VALUE', description);
  }
  refuseNotServed(violations, given, isWanted);
  return {
    name: isWanted('name') ? violations.name(field('name'), given.name) : '',
    showInTimeline: given.showInTimeline,
    channelType: 'SMS',
    channelId: isWanted('channel_id') ? violations.uuid(field('channel_id'), given.channelId) : '',
    templateId: isWanted('template_id') ? violations.uuid(field('template_id'), given.templateId) : '',
    validForMs: isWanted('valid_for') ? readValidFor(violations, given) : null,
    ...readChoices(violations, given, isWanted),
  };
}

function readValidFor(violations: Violations, { validFor }: WireConfiguration): number | null {
  if (validFor === undefined) return null;
  const ms = validFor.seconds * 1000 + validFor.nanos / 1e6;
  if (ms < VALID_FOR_MS_MIN || ms > VALID_FOR_MS_MAX) {
    violations.add('outbound_configuration.valid_for', 'FIELD_OUT_OF_RANGE', 'must be from 1 second to 7 days');
  }
  return Math.round(ms);
}

function readChoices(
  violations: Violations,
  given: WireConfiguration,
  isWanted: (field: string) => boolean,
): Pick<GivenConfiguration, 'deliveryGuarantee' | 'purpose' | 'conversationCreation'> {
  const unknown = (name: string, value: string) => {
    if (isWanted(name) && value === 'UNRECOGNIZED')
      violations.add(`outbound_configuration.${name}`, 'FIELD_UNKNOWN_VALUE', 'is none of the values known');
  };
  unknown('delivery_guarantee', given.deliveryGuarantee);
  unknown('purpose', given.purpose);
  unknown('conversation_creation', given.conversationCreation);
  return {
    deliveryGuarantee: given.deliveryGuarantee === DeliveryGuarantee.AT_LEAST_ONCE ? 'AT_LEAST_ONCE' : 'AT_MOST_ONCE',
    purpose: given.purpose === Purpose.MARKETING ? 'MARKETING' : 'TRANSACTIONAL',
    conversationCreation: given.conversationCreation === ConversationCreation.ON_SEND ? 'ON_SEND' : 'ON_REPLY',
  };
}

/** What the contract has and no version serves yet is refused rather than forgotten. */
function refuseNotServed(violations: Violations, given: WireConfiguration, isWanted: (field: string) => boolean): void {
  for (const [name, isSet] of Object.entries(notServed(given))) {
    if (isSet && isWanted(name))
      violations.add(
        `outbound_configuration.${name}`,
        'FIELD_NOT_ALLOWED',
        'is not served by this version; leave it out',
      );
  }
}

function notServed(given: WireConfiguration) {
  return {
    secondary_channel_id: given.secondaryChannelId !== '',
    use_customer_preferred_channel: given.useCustomerPreferredChannel,
    workstream_id: given.workstreamId !== '',
  };
}

/** Which of the fields that a mask may name are set. */
export function fieldsSet(given: WireConfiguration) {
  return {
    name: given.name !== '',
    show_in_timeline: given.showInTimeline,
    channel_id: given.channelId !== '',
    template_id: given.templateId !== '',
    delivery_guarantee: given.deliveryGuarantee !== DeliveryGuarantee.UNSPECIFIED,
    purpose: given.purpose !== Purpose.UNSPECIFIED,
    valid_for: given.validFor !== undefined,
    conversation_creation: given.conversationCreation !== ConversationCreation.UNSPECIFIED,
    ...notServed(given),
  } satisfies Record<keyof typeof CHANGEABLE | keyof ReturnType<typeof notServed>, boolean>;
}

/** What of a configuration an update changes: the values of these fields, and nothing else. */
export function changeOf(given: GivenConfiguration, fields: ReadonlySet<string>): Partial<GivenConfiguration> {
  const changed = Object.entries(CHANGEABLE).filter(([field]) => fields.has(field));
  return Object.fromEntries(changed.map(([, key]) => [key, given[key]]));
}

/** What of a configuration stays as it was created with. */
export function immutableOfConfiguration({ channelType }: WireConfiguration): Immutable {
  return { channel_type: channelType };
}

/** Writes a configuration. */
export function writeConfiguration(configuration: Configuration): WireConfiguration {
  const { validForMs } = configuration;
  return {
    id: configuration.id,
    name: configuration.name,
    showInTimeline: configuration.showInTimeline,
    channelType: ChannelType.SMS,
    channelId: configuration.channelId,
    templateId: configuration.templateId,
    state: OutboundConfiguration_State[configuration.state],
    deliveryGuarantee: DeliveryGuarantee[configuration.deliveryGuarantee],
    purpose: Purpose[configuration.purpose],
    validFor:
      validForMs === null ? undefined : { seconds: Math.floor(validForMs / 1000), nanos: (validForMs % 1000) * 1e6 },
    conversationCreation: ConversationCreation[configuration.conversationCreation],
    secondaryChannelId: '',
    useCustomerPreferredChannel: false,
    workstreamId: '',
    createTime: configuration.createdAt,
    updateTime: configuration.updatedAt,
  };
}
