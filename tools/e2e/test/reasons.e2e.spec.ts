import { readdirSync, readFileSync } from 'node:fs';
import { refusal } from '@herald/testing';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { Channel, ChannelAccount, OrganizationSettings, OutboundConfiguration } from '@herald/contracts/configuration';
import { MessageState, type Contact, type SendOutboundMessagesRequest } from '@herald/contracts/dispatch';
import { Template } from '@herald/contracts/template';
import { ChannelType, Provider } from '@herald/contracts/type';
import { CONTACT_REASONS, REASONS, WARNINGS, type ContactReason, type Reason } from '@herald/errors';
import { makeSampleOrganisation, type Connection, type SampleOrganisation } from '@herald/herald-cli';
import { oneProcessHerald } from './one-process-herald';
import { contactOf, messageIdOf, requestOf } from './requests';
import type { RunningHerald } from './running-herald';

const ORG = 'reasons';

/** What a case works with. */
interface Scene {
  herald: RunningHerald;
  all: Connection;
  made: SampleOrganisation;
  /** Sends to one good contact, with changes. */
  send(changes?: Partial<SendOutboundMessagesRequest>): Promise<unknown>;
  /** Makes a second configuration, to be spoilt. */
  another(): Promise<SampleOrganisation>;
}

/** How each reason comes about. What stands in PROVED_ELSEWHERE needs more than a call. */
const CASES: Partial<Record<Reason, (scene: Scene) => Promise<unknown>>> = {
  CALLER_NOT_ALLOWED: ({ all }) => all.configuration.getChannelAccountCredentials({ channelAccountId: randomUUID() }),
  SCOPE_MISSING: ({ herald, made }) =>
    herald
      .as({ org: ORG, scopes: ['read'] })
      .dispatch.sendOutboundMessages(requestOf(made.outboundConfigurationId, [contactOf()])),
  UNAUTHENTICATED: ({ herald }) => herald.withToken(() => Promise.resolve('not.a.token')).dispatch.getQuota({}),
  UNIMPLEMENTED: ({ all }) => all.dispatch.runFlow({ requestId: randomUUID(), flowId: randomUUID(), contacts: [] }),
  INVALID_FIELD: ({ send }) => send({ requestId: 'not a uuid' }),
  NO_CONTACTS: ({ send }) => send({ contacts: [] }),
  TOO_MANY_CONTACTS: ({ send }) => send({ contacts: Array.from({ length: 101 }, () => contactOf()) }),
  REQUEST_ID_REUSED: async ({ send }) => {
    const requestId = randomUUID();
    await send({ requestId });
    return send({ requestId, contacts: [contactOf({ locale: 'fr-FR' })] });
  },
  CONFIGURATION_NOT_FOUND: ({ send }) => send({ outboundConfigurationId: randomUUID() }),
  CONFIGURATION_INACTIVE: async ({ all, another, send }) => {
    const { outboundConfigurationId } = await another();
    await all.configuration.deactivateOutboundConfiguration({ outboundConfigurationId });
    return send({ outboundConfigurationId });
  },
  CHANNEL_DISABLED: async ({ all, another, send }) => {
    const { outboundConfigurationId, channelId } = await another();
    await all.configuration.disableChannel({ channelId });
    return send({ outboundConfigurationId });
  },
  CHANNEL_NOT_PROVISIONED: async ({ all, made }) => {
    const { channel } = await all.configuration.createChannel({
      requestId: randomUUID(),
      channel: Channel.fromPartial({ ...smsChannel(made), sender: '+15005550100' }),
    });
    return all.configuration.createOutboundConfiguration({
      requestId: randomUUID(),
      outboundConfiguration: configurationOf(channel?.id ?? '', made.templateId),
    });
  },
  CHANNEL_ACCOUNT_DISABLED: async ({ all, another, send }) => {
    const { outboundConfigurationId, channelAccountId } = await another();
    await all.configuration.disableChannelAccount({ channelAccountId });
    return send({ outboundConfigurationId });
  },
  CHANNEL_ACCOUNT_NOT_VALID: async ({ all, another, send }) => {
    const { outboundConfigurationId, channelAccountId } = await another();
    const credentials = {
      provider: { $case: 'twilio' as const, value: { authToken: 'wrong', apiKeySid: '', apiKeySecret: '' } },
    };
    await all.configuration.rotateChannelAccountCredentials({ requestId: randomUUID(), channelAccountId, credentials });
    await all.configuration.validateChannelAccount({ channelAccountId });
    return send({ outboundConfigurationId });
  },
  TEMPLATE_ARCHIVED: async ({ all, another, send }) => {
    const { outboundConfigurationId, templateId } = await another();
    await all.template.archiveTemplate({ templateId });
    return send({ outboundConfigurationId });
  },
  TEMPLATE_NOT_PUBLISHED: async ({ all, made }) => {
    const { template } = await all.template.createTemplate({ requestId: randomUUID(), template: draftOf() });
    return all.configuration.createOutboundConfiguration({
      requestId: randomUUID(),
      outboundConfiguration: configurationOf(made.channelId, template?.id ?? ''),
    });
  },
  CHANNEL_TYPE_MISMATCH: async ({ all, made }) => {
    const { template } = await all.template.createTemplate({
      requestId: randomUUID(),
      template: { ...draftOf(), channelType: ChannelType.WHATSAPP },
    });
    await all.template.publishTemplate({ requestId: randomUUID(), templateId: template?.id ?? '' });
    return all.configuration.createOutboundConfiguration({
      requestId: randomUUID(),
      outboundConfiguration: configurationOf(made.channelId, template?.id ?? ''),
    });
  },
  TEMPLATE_NOT_FOUND: ({ all }) => all.template.getTemplate({ templateId: randomUUID() }),
  TEMPLATE_VERSION_NOT_FOUND: ({ all, made }) =>
    all.template.getTemplateVersion({ templateId: made.templateId, version: 99 }),
  TEMPLATE_ALREADY_PUBLISHED: ({ all, made }) =>
    all.template.publishTemplate({ requestId: randomUUID(), templateId: made.templateId }),
  TEMPLATE_DRAFT_INVALID: async ({ all }) => {
    const broken = { ...draftOf(), localizedTexts: [{ language: 'en-US', text: 'Hello {' }] };
    const { template } = await all.template.createTemplate({ requestId: randomUUID(), template: broken });
    return all.template.publishTemplate({ requestId: randomUUID(), templateId: template?.id ?? '' });
  },
  TEMPLATE_NAME_TAKEN: async ({ all }) => {
    const template = draftOf();
    await all.template.createTemplate({ requestId: randomUUID(), template });
    return all.template.createTemplate({ requestId: randomUUID(), template });
  },
  TEMPLATE_LANGUAGE_NOT_FOUND: async ({ all }) => {
    const without = { ...draftOf(), defaultLanguage: 'fr-FR' };
    const { template } = await all.template.createTemplate({ requestId: randomUUID(), template: without });
    return preview(all, template?.id ?? '');
  },
  REVISION_STALE: ({ all, made }) =>
    all.template.updateTemplate({
      template: Template.fromPartial({ id: made.templateId, name: randomUUID() }),
      updateMask: ['name'],
      revision: 99,
    }),
  FIELD_MASK_INVALID: ({ all, made }) =>
    all.configuration.updateChannel({ channel: Channel.fromPartial({ id: made.channelId }), updateMask: ['sender'] }),
  PAGE_TOKEN_INVALID: ({ all }) => all.dispatch.listRequests({ pageSize: 0, pageToken: 'nonsense' }),
  CHANNEL_NOT_FOUND: ({ all }) => all.configuration.getChannelById({ channelId: randomUUID() }),
  CHANNEL_ACCOUNT_NOT_FOUND: ({ all }) => all.configuration.getChannelAccount({ channelAccountId: randomUUID() }),
  HOLD_NOT_FOUND: ({ herald }) =>
    herald.as({ org: ORG, scopes: ['operator'] }).dispatch.releaseHold({ holdId: randomUUID() }),
  REQUEST_FINISHED: async ({ all, made }) => {
    const unsendable = requestOf(made.outboundConfigurationId, [contactOf({ optin: false })]);
    const { outboundRequest } = await all.dispatch.sendOutboundMessages(unsendable);
    return all.dispatch.cancelRequest({ outboundRequestId: outboundRequest?.id ?? '' });
  },
  REQUEST_NOT_FOUND: ({ all }) => all.dispatch.getRequest({ outboundRequestId: randomUUID() }),
  MESSAGE_NOT_UNKNOWN: async ({ herald, all, made }) => {
    const { results } = await all.dispatch.sendOutboundMessages(requestOf(made.outboundConfigurationId, [contactOf()]));
    const { dispatch } = herald.as({ org: ORG, scopes: ['operator'] });
    return dispatch.resolveMessage({ messageId: messageIdOf(results[0]), state: MessageState.SENT, evidence: 'None.' });
  },
  MESSAGE_NOT_FOUND: ({ all }) => all.dispatch.getMessage({ messageId: randomUUID() }),
  CHANNEL_ACCOUNT_NAME_TAKEN: async ({ all, made }) => {
    const { channelAccount } = await all.configuration.getChannelAccount(made);
    return all.configuration.createChannelAccount({
      requestId: randomUUID(),
      channelAccount: ChannelAccount.fromPartial({ ...channelAccount, provider: Provider.TWILIO }),
      credentials: { provider: { $case: 'twilio', value: { authToken: 'x', apiKeySid: '', apiKeySecret: '' } } },
    });
  },
  CHANNEL_NAME_TAKEN: async ({ all, made }) => {
    const { channel } = await all.configuration.getChannelById(made);
    return all.configuration.createChannel({
      requestId: randomUUID(),
      channel: { ...Channel.fromPartial(channel ?? {}), sender: '54321' },
    });
  },
  CHANNEL_ADDRESS_TAKEN: ({ all, made }) =>
    all.configuration.createChannel({
      requestId: randomUUID(),
      channel: Channel.fromPartial({ ...smsChannel(made), sender: '12345' }),
    }),
  CONFIGURATION_NAME_TAKEN: async ({ all, made }) => {
    const { outboundConfiguration } = await all.configuration.getOutboundConfiguration(made);
    return all.configuration.createOutboundConfiguration({ requestId: randomUUID(), outboundConfiguration });
  },
  SETTINGS_LIMIT_NOT_ALLOWED: ({ all }) =>
    all.configuration.updateOrganizationSettings({
      settings: OrganizationSettings.fromPartial({ requestsPerHourMax: 30_001 }),
      updateMask: ['requests_per_hour_max'],
    }),
  HOURLY_REQUESTS_EXHAUSTED: async ({ herald }) => {
    const poor = herald.as({ org: 'poor' });
    const { outboundConfigurationId } = await herald.organisation('poor');
    await poor.configuration.updateOrganizationSettings({
      settings: OrganizationSettings.fromPartial({ requestsPerHourMax: 1 }),
      updateMask: ['requests_per_hour_max'],
    });
    await poor.dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, [contactOf()]));
    return poor.dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, [contactOf()]));
  },
  PROVIDER_UNAVAILABLE: async ({ all }) => {
    const { channelAccount } = await all.configuration.createChannelAccount({
      requestId: randomUUID(),
      channelAccount: ChannelAccount.fromPartial({
        ...{ displayName: randomUUID(), provider: Provider.TWILIO, providerAccountId: `AC${'0'.repeat(32)}` },
        apiBaseUrl: 'http://127.0.0.1:1',
      }),
      credentials: { provider: { $case: 'twilio', value: { authToken: 'x', apiKeySid: '', apiKeySecret: '' } } },
    });
    return all.configuration.validateChannelAccount({ channelAccountId: channelAccount?.id ?? '' });
  },
};

/** Reasons that one call cannot provoke, and the spec that does; a spec named here must know the reason. */
const PROVED_ELSEWHERE: Partial<Record<Reason, string>> = {
  BUS_UNAVAILABLE: 'libs/bus/src/in-process-bus.spec.ts',
  CANCELLED: 'libs/grpc/test/patience.contract.spec.ts',
  DATABASE_BUSY: 'libs/postgres/src/database.db.spec.ts',
  DATABASE_UNAVAILABLE: 'libs/postgres/src/database.db.spec.ts',
  DEADLINE_EXCEEDED: 'libs/grpc/test/patience.contract.spec.ts',
  DEADLINE_TOO_SHORT: 'libs/grpc/test/patience.contract.spec.ts',
  INTERNAL: 'libs/grpc/test/calls.contract.spec.ts',
  KEY_SET_UNAVAILABLE: 'libs/grpc/test/identity.contract.spec.ts',
  MESSAGE_TOO_LARGE: 'libs/grpc/test/calls.contract.spec.ts',
  REQUEST_MALFORMED: 'libs/grpc/test/calls.contract.spec.ts',
  SERVER_STOPPING: 'libs/grpc/test/calls.contract.spec.ts',
  SERVICE_UNAVAILABLE: 'libs/grpc/test/calls.contract.spec.ts',
  STREAM_EXPIRED: 'libs/grpc/test/streams.contract.spec.ts',
  STREAM_IDLE: 'libs/grpc/test/streams.contract.spec.ts',
  UNRECOGNISED_REASON: 'libs/grpc/test/calls.contract.spec.ts',
  CHANNEL_TYPE_UNSUPPORTED: 'apps/dispatch-service/src/configurations/configuration-cache.spec.ts',
  CREDENTIALS_NOT_FOUND: 'apps/configuration-service/src/sealing/credential-store.db.spec.ts',
  WEBHOOK_PATH_NOT_FOUND: 'apps/configuration-service/src/resolve/resolve.contract.spec.ts',
};

/** A contact for each reason that one can be refused or skipped for, and the settings under which it is. */
const CONTACTS: Record<ContactReason, Contact[]> = {
  ADDRESS_INVALID: [contactOf({ toContactId: '+999123' })],
  ADDRESS_MISSING: [contactOf({ toContactId: ' ' })],
  CASE_NAME_MISSING: [contactOf({ customerName: 'Ana' })],
  CHANNEL_MISMATCH: [contactOf({ channelId: 'WhatsApp' })],
  CHANNEL_UNKNOWN: [contactOf({ channelId: 'Fax' })],
  CONTEXT_ITEM_CONFLICT: [contactOf({ contextItems: { A: '1', a: '2' } })],
  CUSTOMER_NAME_MISSING: [contactOf({ contextItems: { OrderNumber: 'A-1', DeliveryDate: '1/12' } })],
  OPTED_OUT: [contactOf({ optin: false })],
  OPTIN_MISSING: [{ ...contactOf(), optin: undefined }],
  REPEATED_ADDRESS: [contactOf(), contactOf({ toContactId: '+1 (425) 555-0123' })],
  SLUG_MISSING: [contactOf({ contextItems: { CustomerName: 'Ana' } })],
  TEXT_EMPTY: [contactOf({ locale: 'ja-JP', contextItems: { Text: ' ' } })],
  TEXT_TOO_LONG: [contactOf({ contextItems: { CustomerName: 'A'.repeat(1_600), OrderNumber: '', DeliveryDate: '' } })],
};
const STRICT_2020: ReadonlySet<string> = new Set(['CASE_NAME_MISSING', 'CUSTOMER_NAME_MISSING']);

/** Cases in which a good request to one contact goes before the one that is refused. */
const SENDS_FIRST: ReadonlySet<string> = new Set([
  'MESSAGE_NOT_UNKNOWN',
  'REQUEST_ID_REUSED',
  'HOURLY_REQUESTS_EXHAUSTED',
  'REQUEST_FINISHED',
]);
/** The request, its message, its request id, its entry in the audit log, its number of the quota. */
const ROWS_OF_ONE_REQUEST = 5;

describe('every documented reason', () => {
  let herald: RunningHerald;
  let scene: Scene;
  let textOnly: string;

  beforeAll(async () => {
    herald = await oneProcessHerald();
    const all = herald.as({ org: ORG });
    const made = await herald.organisation(ORG);
    let others = 0;
    scene = {
      ...{ herald, all, made },
      send: (changes = {}) =>
        all.dispatch.sendOutboundMessages(requestOf(made.outboundConfigurationId, [contactOf()], changes)),
      another: () => anotherOrganisation(all, herald.simulator.url, (others += 1)),
    };
    textOnly = await configurationWithText(all, made.channelId, '{Text}');
  });
  afterAll(() => herald.stop());

  const stored = async () => {
    const [counts] = await herald.test.asOwner<{ stored: number }>(
      `select (select count(*) from dispatch.outbound_request) + (select count(*) from dispatch.message)
              + (select count(*) from dispatch.idempotency) + (select count(*) from dispatch.audit_entry)
              + (select coalesce(sum(seq), 0) from dispatch.quota_head) as stored`,
    );
    return Number(counts?.stored);
  };

  it.each(Object.entries(CASES))(
    '%s is answered as its table says, and nothing is half stored',
    async (reason, provoke) => {
      const before = await stored();
      const error = await refusal(provoke(scene));
      expect(error.reason).toBe(reason);
      expect(error.code).toBe(REASONS[reason as Reason].code);
      expect(error.message).not.toBe('');
      expect((await stored()) - before).toBe(SENDS_FIRST.has(reason) ? ROWS_OF_ONE_REQUEST : 0);
    },
  );

  it('names each documented reason in a case here, or in the spec that provokes it', () => {
    const proved = { ...CASES, ...PROVED_ELSEWHERE };
    expect(Object.keys(REASONS).filter((reason) => !Object.hasOwn(proved, reason))).toEqual([]);
    const unfounded = Object.entries(PROVED_ELSEWHERE).filter(
      ([reason, spec]) =>
        !spec.endsWith('.spec.ts') || !readFileSync(join(__dirname, '../../..', spec), 'utf8').includes(reason),
    );
    expect(unfounded).toEqual([]);
  });

  it.each(Object.entries(CONTACTS))('a contact: %s', async (reason, contacts) => {
    await setStrict(STRICT_2020.has(reason));
    const outboundConfigurationId = reason === 'TEXT_EMPTY' ? textOnly : scene.made.outboundConfigurationId;
    const { results } = await scene.all.dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, contacts));
    const outcome = results.at(-1)?.outcome;
    const row = CONTACT_REASONS[reason as ContactReason];
    expect(outcome).toMatchObject({ $case: row.outcome, value: { reason } });
    await setStrict(false);
  });

  it('warns of each thing it documents', async () => {
    const contacts = [contactOf({ locale: 'fi-FI' }), contactOf({ toContactId: '+14255550124', showInTimeline: true })];
    const { results } = await scene.all.dispatch.sendOutboundMessages(
      requestOf(scene.made.outboundConfigurationId, contacts),
    );
    const warned = results.flatMap(({ outcome }) => (outcome?.$case === 'accepted' ? outcome.value.warnings : []));
    expect(warned.map(({ reason }) => reason).sort()).toEqual(Object.keys(WARNINGS).sort());
  });

  it('answers with no reason that the tables lack', () => {
    const tables = { ...REASONS, ...CONTACT_REASONS };
    const thrown = sourcesOf(['apps', 'libs']).flatMap((text) =>
      [...text.matchAll(/new HeraldError\(\s*'([A-Z_]+)'/g)].map(([, reason = '']) => reason),
    );
    expect(thrown.length).toBeGreaterThan(10);
    expect(thrown.filter((reason) => !Object.hasOwn(tables, reason))).toEqual([]);
  });

  const setStrict = async (strict2020: boolean) => {
    const settings = OrganizationSettings.fromPartial({ strict2020 });
    await scene.all.configuration.updateOrganizationSettings({ settings, updateMask: ['strict_2020'] });
    // The change is announced to dispatch, which asks anew.
    const { outboundConfigurationId } = scene.made;
    const isStrict = async () => {
      const contacts = [contactOf({ contextItems: {}, toContactId: '+14255550125' })];
      const { results } = await scene.all.dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, contacts));
      const outcome = results[0]?.outcome;
      return outcome?.$case === 'refused' && outcome.value.reason === 'CUSTOMER_NAME_MISSING';
    };
    for (let look = 0; look < 200 && (await isStrict()) !== strict2020; look += 1);
  };
});

function draftOf(): Template {
  return Template.fromPartial({
    name: randomUUID(),
    channelType: ChannelType.SMS,
    defaultLanguage: 'en-US',
    localizedTexts: [{ language: 'en-US', text: 'Hello {CustomerName}' }],
  });
}

function smsChannel({ channelAccountId }: SampleOrganisation) {
  return { channelAccountId, displayName: randomUUID(), channelType: ChannelType.SMS };
}

function configurationOf(channelId: string, templateId: string): OutboundConfiguration {
  return OutboundConfiguration.fromPartial({ name: randomUUID(), channelType: ChannelType.SMS, channelId, templateId });
}

async function configurationWithText(all: Connection, channelId: string, text: string): Promise<string> {
  const draft = { ...draftOf(), localizedTexts: [{ language: 'en-US', text }] };
  const { template } = await all.template.createTemplate({ requestId: randomUUID(), template: draft });
  await all.template.publishTemplate({ requestId: randomUUID(), templateId: template?.id ?? '' });
  const outboundConfiguration = configurationOf(channelId, template?.id ?? '');
  const made = await all.configuration.createOutboundConfiguration({ requestId: randomUUID(), outboundConfiguration });
  return made.outboundConfiguration?.id ?? '';
}

/** A second set of everything in the same organisation, for a case that spoils it. */
function anotherOrganisation(all: Connection, simulatorUrl: string, turn: number): Promise<SampleOrganisation> {
  return makeSampleOrganisation(all, { org: `${ORG}-${turn}`, simulatorUrl: `${simulatorUrl}/` + '/'.repeat(turn) });
}

function preview(all: Connection, templateId: string) {
  return all.template.previewTemplate({
    templateId,
    version: 0,
    locale: '',
    contextItems: {},
    customerName: '',
    caseName: '',
  });
}

/** The sources of the services and libraries, without generated code and specs. */
function sourcesOf(folders: readonly string[]): string[] {
  const root = join(__dirname, '../../..');
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => /\/src\/.*\.ts$/.test(file) && !/\.spec\.ts$|\/gen\//.test(file))
      .map((file) => readFileSync(join(root, folder, file), 'utf8')),
  );
}
