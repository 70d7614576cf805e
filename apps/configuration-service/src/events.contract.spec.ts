import { randomUUID } from 'node:crypto';
import { ConfigurationChanged_Kind as Kind } from '@herald/contracts/event';
import { eventually } from '@herald/testing';
import { everyCall, type Rpc, type Subjects } from '../test/every-call';
import { configurationCreation, createdConfiguration, provisionedChannel } from '../test/given';
import { runningService, type Configurations, type RunningService } from '../test/running-service';
import { CONFIGURATION_ACCESS } from './access';

let service: RunningService;

/** What each RPC that changes something announces, and what must be the case for it to change anything. */
const ANNOUNCED = {
  createChannelAccount: [Kind.CHANNEL_ACCOUNT],
  updateChannelAccount: [Kind.CHANNEL_ACCOUNT],
  validateChannelAccount: [Kind.CHANNEL_ACCOUNT],
  rotateChannelAccountCredentials: [Kind.CHANNEL_ACCOUNT],
  disableChannelAccount: [Kind.CHANNEL_ACCOUNT],
  createChannel: [Kind.CHANNEL],
  updateChannel: [Kind.CHANNEL],
  validateChannel: [Kind.CHANNEL, 'disableChannel'],
  disableChannel: [Kind.CHANNEL],
  createOutboundConfiguration: [Kind.OUTBOUND_CONFIGURATION],
  updateOutboundConfiguration: [Kind.OUTBOUND_CONFIGURATION],
  activateOutboundConfiguration: [Kind.OUTBOUND_CONFIGURATION, 'deactivateOutboundConfiguration'],
  deactivateOutboundConfiguration: [Kind.OUTBOUND_CONFIGURATION],
  updateOrganizationSettings: [Kind.ORGANIZATION_SETTINGS],
} satisfies Partial<Record<Rpc, [Kind, Rpc?]>>;

/** What there is of each kind before the call: a change is about it, and a creation about something else. */
const existing = (org: string, { channelAccountId, channelId, outboundConfigurationId }: Subjects) =>
  new Map([
    [Kind.CHANNEL_ACCOUNT, channelAccountId],
    [Kind.CHANNEL, channelId],
    [Kind.OUTBOUND_CONFIGURATION, outboundConfigurationId],
    [Kind.ORGANIZATION_SETTINGS, org],
  ]);

/** An organisation that has one of everything, after all of that was announced. */
async function settled(org: string, configurations: Configurations): Promise<Subjects> {
  const { id: channelId, channelAccountId } = await provisionedChannel(service, configurations);
  const templateId = service.templates.make(org);
  const creation = configurationCreation({ channelId, templateId });
  const { id: outboundConfigurationId } = await createdConfiguration(configurations, creation);
  return { channelAccountId, channelId, outboundConfigurationId, templateId, pathSegment: 'elsewhere' };
}

const nothingLeft = () =>
  eventually(async () => expect(await service.test.asOwner('select id from outbox')).toEqual([]));

describe('what is announced', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });

  it('counts every RPC that people change something with', () => {
    const rpcs = Object.keys(CONFIGURATION_ACCESS) as Rpc[];
    const changing = /^(create|update|validate|rotate|disable|activate|deactivate)(?!.*Flow$)/;
    expect(rpcs.filter((rpc) => changing.test(rpc)).sort()).toEqual(Object.keys(ANNOUNCED).sort());
  });

  it.each(Object.entries(ANNOUNCED) as [keyof typeof ANNOUNCED, [Kind, Rpc?]][])(
    '%s announces once what it changed',
    async (rpc, [kind, before]) => {
      const org = randomUUID();
      const configurations = service.as({ org });
      const subjects = await settled(org, configurations);
      const calls = everyCall(service, subjects);
      if (before) await calls[before](configurations);
      await nothingLeft();
      const earlier = service.announced(org).length;
      await calls[rpc](configurations);
      await nothingLeft();
      expect(service.announced(org).slice(earlier)).toEqual([{ orgId: org, kind, id: expect.any(String) }]);
      const isExisting = service.announced(org).at(-1)?.id === existing(org, subjects).get(kind);
      expect(isExisting).toBe(!rpc.startsWith('create'));
    },
  );

  it('what changes nothing is announced to nobody', async () => {
    const org = randomUUID();
    const configurations = service.as({ org });
    const calls = everyCall(service, await settled(org, configurations));
    await nothingLeft();
    const earlier = service.announced(org).length;
    await calls.validateChannel(configurations);
    await calls.activateOutboundConfiguration(configurations);
    await nothingLeft();
    expect(service.announced(org)).toHaveLength(earlier);
  });
});
