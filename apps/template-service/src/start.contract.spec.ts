import { randomUUID } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import type { Bus } from '@herald/bus';
import { configureLogs } from '@herald/telemetry';
import { eventually, FakeClock, testDatabase, testIdentity, refusal, BusThatRefuses } from '@herald/testing';
import { created, published, runningService } from '../test/running-service';
import { migrations, start } from '.';

describe('start', () => {
  // What fails here is meant to.
  beforeAll(() => configureLogs({ level: 'silent' }));

  it('keeps what is to be announced until the bus takes it, and answers meanwhile', async () => {
    let refusing: BusThatRefuses | undefined;
    const service = await runningService((bus) => (refusing = new BusThatRefuses(bus)));
    try {
      const org = randomUUID();
      const templates = service.as({ org });
      const { id } = await created(templates);
      await published(templates, id);
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
      const templates = service.as({ org: randomUUID() });
      const template = await created(templates);
      await service.test.asOwner('revoke insert on outbox from herald_template_app');
      const templateId = template.id;
      const publishing = templates.publishTemplate({ requestId: randomUUID(), templateId });
      expect((await refusal(publishing)).reason).toBe('INTERNAL');
      expect((await refusal(templates.archiveTemplate({ templateId }))).reason).toBe('INTERNAL');
      expect(await templates.getTemplate({ templateId })).toEqual({ template });
    } finally {
      await service.stop();
    }
  });

  it('leaves nothing open when its port is taken', async () => {
    const test = await testDatabase({ service: 'template', migrations });
    const identity = await testIdentity();
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = holder.address() as AddressInfo;
      const bus: Bus = {
        publish: () => Promise.resolve(),
        subscribe: () => ({ stop: () => Promise.resolve() }),
        stop: () => Promise.resolve(),
        ping: () => Promise.resolve(),
      };
      const grpc = { address: `127.0.0.1:${port}`, reflection: false, identity: identity.identityOf('template') };
      const database = { url: test.url, poolMax: 2, workerPoolMax: 1 };
      await expect(start({ grpc, database }, { bus, clock: new FakeClock() })).rejects.toThrow();
      // The spec's own door has up to two connections; the service's are gone once PostgreSQL has noticed.
      await eventually(async () => {
        const [open] = await test.asOwner<{ count: number }>(
          `select count(*)::int as count from pg_stat_activity
            where datname = current_database() and application_name like 'herald-template-%'`,
        );
        expect(open?.count).toBeLessThanOrEqual(2);
      });
    } finally {
      holder.close();
      await test.close();
    }
  });
});
