import { randomUUID } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import type { Bus } from '@herald/bus';
import { ChannelAccount_State, OrganizationSettings } from '@herald/contracts/configuration';
import { configureLogs } from '@herald/telemetry';
import { eventually, FakeClock, testDatabase, testIdentity, refusal, BusThatRefuses } from '@herald/testing';
import { accountCreation, channelCreation, createdAccount, rotation } from '../test/given';
import { runningService } from '../test/running-service';
import { migrations, start } from '.';

/** What a service is started with that never gets so far as to use it. */
async function neverUsed(address: string) {
  const identity = await testIdentity();
  const test = await testDatabase({ service: 'configuration', migrations });
  const bus: Bus = {
    publish: () => Promise.resolve(),
    subscribe: () => ({ stop: () => Promise.resolve() }),
    stop: () => Promise.resolve(),
    ping: () => Promise.resolve(),
  };
  const config = {
    grpc: { address, reflection: false, identity: identity.identityOf('configuration') },
    database: { url: test.url, poolMax: 2, workerPoolMax: 1 },
    ...{ templateUrl: '127.0.0.1:1', publicUrl: 'https://hooks.herald.example', masterKey: new Uint8Array(32) },
  };
  return { test, config, ports: { bus, clock: new FakeClock() } };
}

describe('start', () => {
  // What fails here is meant to.
  beforeAll(() => configureLogs({ level: 'silent' }));

  it('keeps what is to be announced until the bus takes it, and answers meanwhile', async () => {
    let refusing: BusThatRefuses | undefined;
    const service = await runningService((bus) => (refusing = new BusThatRefuses(bus)));
    try {
      const org = randomUUID();
      const { id } = await createdAccount(service.as({ org }), accountCreation(service));
      await eventually(() => expect(refusing?.refusals).toBeGreaterThan(0));
      expect(service.announced(org)).toEqual([]);
      if (refusing) refusing.isOpen = true;
      await eventually(() => expect(service.announced(org)).toMatchObject([{ id }]));
      await eventually(async () => expect(await service.test.asOwner('select id from outbox')).toEqual([]));
    } finally {
      await service.stop();
    }
  });

  it('stores nothing that it cannot announce: a change and its announcement are one transaction', async () => {
    const service = await runningService();
    try {
      const configurations = service.as({ org: randomUUID() });
      const { id } = await createdAccount(configurations, accountCreation(service));
      const settings = OrganizationSettings.fromPartial({ strict2020: true });
      await service.test.asOwner('revoke insert on outbox from herald_configuration_app');
      for (const change of [
        configurations.createChannelAccount(accountCreation(service)),
        configurations.disableChannelAccount({ channelAccountId: id }),
        configurations.rotateChannelAccountCredentials(rotation(id)),
        configurations.updateOrganizationSettings({ settings, updateMask: [] }),
        configurations.createChannel(channelCreation(id)),
      ]) {
        expect((await refusal(change)).reason).toBe('INTERNAL');
      }
      const { channelAccounts } = await configurations.listChannelAccounts({ pageSize: 0, pageToken: '' });
      expect(channelAccounts).toMatchObject([{ id, state: ChannelAccount_State.UNVALIDATED, credentialVersion: 1 }]);
      expect(await configurations.getOrganizationSettings({})).toMatchObject({ settings: { revision: 0 } });
      expect(await configurations.listChannels({ pageSize: 0, pageToken: '' })).toMatchObject({ channels: [] });
    } finally {
      await service.stop();
    }
  });

  it('leaves nothing open when its port is taken', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as AddressInfo;
    const { test, config, ports } = await neverUsed(`127.0.0.1:${port}`);
    try {
      await expect(start(config, ports)).rejects.toThrow();
      // The spec's own door has up to two connections; the service's are gone once PostgreSQL has noticed.
      await eventually(async () => {
        const [open] = await test.asOwner<{ count: number }>(
          `select count(*)::int as count from pg_stat_activity
            where datname = current_database() and application_name like 'herald-configuration-%'`,
        );
        expect(open?.count).toBeLessThanOrEqual(2);
      });
    } finally {
      holder.close();
      await test.close();
    }
  });

  it('S13: does not start with a master key of another length', async () => {
    const { test, config, ports } = await neverUsed('127.0.0.1:0');
    try {
      await expect(start({ ...config, masterKey: new Uint8Array(16) }, ports)).rejects.toThrow(
        'the master key has 16 bytes instead of 32',
      );
    } finally {
      await test.close();
    }
  });
});
