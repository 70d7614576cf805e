import { randomUUID } from 'node:crypto';
import { refusal } from '@herald/testing';
import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { SCOPES, SERVICE_NAMES } from '@herald/grpc';
import { everyCall, type Rpc, type Subjects } from '../test/every-call';
import type { HeraldError } from '@herald/errors';
import { configurationCreation, createdConfiguration, provisionedChannel } from '../test/given';
import { runningService, type Configurations, type RunningService } from '../test/running-service';
import { CONFIGURATION_ACCESS } from './access';

let service: RunningService;

const RPCS = Object.keys(ConfigurationServiceService) as Rpc[];

/** What calls are about that nobody has. */
const nothing = (): Subjects => ({
  channelAccountId: randomUUID(),
  channelId: randomUUID(),
  outboundConfigurationId: randomUUID(),
  templateId: randomUUID(),
  pathSegment: 'elsewhere',
});

/** A valid call about nothing. */
const ask = (rpc: Rpc, caller: Configurations) => {
  const calls = everyCall(service, nothing());
  return calls[rpc](caller);
};

/** What a user of another organisation gets, for each RPC that names something. */
const UNSEEN = {
  getChannelAccount: 'CHANNEL_ACCOUNT_NOT_FOUND',
  updateChannelAccount: 'CHANNEL_ACCOUNT_NOT_FOUND',
  validateChannelAccount: 'CHANNEL_ACCOUNT_NOT_FOUND',
  rotateChannelAccountCredentials: 'CHANNEL_ACCOUNT_NOT_FOUND',
  disableChannelAccount: 'CHANNEL_ACCOUNT_NOT_FOUND',
  createChannel: 'CHANNEL_ACCOUNT_NOT_FOUND',
  getChannelById: 'CHANNEL_NOT_FOUND',
  updateChannel: 'CHANNEL_NOT_FOUND',
  validateChannel: 'CHANNEL_NOT_FOUND',
  disableChannel: 'CHANNEL_NOT_FOUND',
  createOutboundConfiguration: 'TEMPLATE_NOT_FOUND',
  getOutboundConfiguration: 'CONFIGURATION_NOT_FOUND',
  updateOutboundConfiguration: 'CONFIGURATION_NOT_FOUND',
  activateOutboundConfiguration: 'CONFIGURATION_NOT_FOUND',
  deactivateOutboundConfiguration: 'CONFIGURATION_NOT_FOUND',
} as const satisfies Partial<Record<Rpc, string>>;

/** The RPCs that name nothing by an id, so that no other organisation's can be asked for. */
const NAMELESS: Rpc[] = [
  'createChannelAccount',
  'listChannelAccounts',
  'listChannels',
  'listOutboundConfigurations',
  'getOrganizationSettings',
  'updateOrganizationSettings',
];

/** The RPCs that are open to people and served. */
const served = async (): Promise<Rpc[]> => {
  const caller = service.as({ org: randomUUID(), scopes: SCOPES });
  const reasons = await Promise.all(
    RPCS.map((rpc) =>
      ask(rpc, caller).then(
        () => '',
        ({ reason }: HeraldError) => reason,
      ),
    ),
  );
  return RPCS.filter((_, index) => !['UNIMPLEMENTED', 'CALLER_NOT_ALLOWED'].includes(reasons[index] ?? ''));
};

describe('the doors', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });

  it('S1: what another organisation has is not there, for any RPC that names it', async () => {
    expect([...Object.keys(UNSEEN), ...NAMELESS].sort()).toEqual((await served()).sort());
    const org = randomUUID();
    const owner = service.as({ org });
    const { id: channelId, channelAccountId } = await provisionedChannel(service, owner);
    const templateId = service.templates.make(org);
    const creation = configurationCreation({ channelId, templateId });
    const { id: outboundConfigurationId } = await createdConfiguration(owner, creation);
    const read = () =>
      Promise.all([
        owner.getChannelAccount({ channelAccountId }),
        owner.getChannelById({ channelId }),
        owner.getOutboundConfiguration({ outboundConfigurationId }),
      ]);
    const before = await read();
    const stranger = service.as({ org: randomUUID(), scopes: SCOPES });
    const subjects = { channelAccountId, channelId, outboundConfigurationId, templateId, pathSegment: 'elsewhere' };
    const calls = everyCall(service, subjects);
    for (const [rpc, expected] of Object.entries(UNSEEN)) {
      const { reason } = await refusal(calls[rpc as Rpc](stranger));
      expect([rpc, reason]).toEqual([rpc, expected]);
    }
    expect(await calls.listChannelAccounts(stranger)).toMatchObject({ channelAccounts: [] });
    expect(await calls.listChannels(stranger)).toMatchObject({ channels: [] });
    expect(await calls.listOutboundConfigurations(stranger)).toMatchObject({ outboundConfigurations: [] });
    expect(await read()).toEqual(before);
  });

  it.each(RPCS.filter((rpc) => CONFIGURATION_ACCESS[rpc].scopes !== undefined))(
    'SCOPE_MISSING: %s, before anything is looked up',
    async (rpc) => {
      const sufficient: readonly string[] = CONFIGURATION_ACCESS[rpc].scopes ?? [];
      const scopes = SCOPES.filter((scope) => !sufficient.includes(scope));
      const caller = service.as({ org: randomUUID(), scopes });
      expect((await refusal(ask(rpc, caller))).reason).toBe('SCOPE_MISSING');
    },
  );

  it.each(RPCS.filter((rpc) => CONFIGURATION_ACCESS[rpc].scopes === undefined))(
    'CALLER_NOT_ALLOWED: %s is for services alone, whatever scopes a person has',
    async (rpc) => {
      const caller = service.as({ org: randomUUID(), scopes: SCOPES });
      expect((await refusal(ask(rpc, caller))).reason).toBe('CALLER_NOT_ALLOWED');
    },
  );

  it.each(RPCS)('admits every scope and service of its row, and no other service: %s', async (rpc) => {
    const org = randomUUID();
    const refused = ['SCOPE_MISSING', 'CALLER_NOT_ALLOWED', 'UNAUTHENTICATED'];
    const isAdmitted = async (caller: Configurations) => {
      const reason = await ask(rpc, caller).then(
        () => '',
        (error: { reason: string }) => error.reason,
      );
      return !refused.includes(reason);
    };
    const row = CONFIGURATION_ACCESS[rpc];
    for (const scope of row.scopes ?? []) expect(await isAdmitted(service.as({ org, scopes: [scope] }))).toBe(true);
    const services: readonly string[] = row.services ?? [];
    for (const name of SERVICE_NAMES) {
      expect([name, await isAdmitted(service.asService(name, org))]).toEqual([name, services.includes(name)]);
    }
  });

  it('S13: secrets leave by two RPCs, each for one service', () => {
    const rowsOf = (rpcs: readonly Rpc[]) => rpcs.map((rpc) => CONFIGURATION_ACCESS[rpc]);
    expect(rowsOf(['getChannelAccountCredentials', 'resolveWebhookAccount'])).toEqual([
      { services: ['dispatch'] },
      { services: ['gateway'], withoutOrg: true },
    ]);
  });

  it.each(RPCS.filter((rpc) => (CONFIGURATION_ACCESS[rpc].services ?? []).includes('dispatch')))(
    'S1: UNAUTHENTICATED: dispatch without an organisation: %s',
    async (rpc) => {
      const call = ask(rpc, service.asService('dispatch'));
      expect((await refusal(call)).reason).toBe('UNAUTHENTICATED');
    },
  );

  it.each(RPCS)('S4: UNAUTHENTICATED: %s', async (rpc) => {
    const call = ask(rpc, service.asToken('none'));
    expect((await refusal(call)).reason).toBe('UNAUTHENTICATED');
  });
});
