import { Writable } from 'node:stream';
import { configureLogs } from '@herald/telemetry';
import { eventually, refusal } from '@herald/testing';
import type { Connection, SampleOrganisation } from '@herald/herald-cli';
import { oneProcessHerald, type OneProcessHerald } from './one-process-herald';
import { contactOf, requestOf } from './requests';

const CANARY = { phone: '+14255550177', name: 'Kanarienvogel', token: '0123456789abcdef0123456789abcdef' };

describe('secrecy', () => {
  const logged: string[] = [];
  let herald: OneProcessHerald;
  let all: Connection;
  let made: SampleOrganisation;

  beforeAll(async () => {
    const destination = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        logged.push(chunk.toString());
        done();
      },
    });
    configureLogs({ level: 'debug', destination });
    herald = await oneProcessHerald();
    all = herald.as({ org: 'secrecy' });
    made = await herald.organisation('secrecy');
  });
  afterAll(async () => {
    await herald.stop();
    configureLogs({ level: 'info' });
  });

  it('P22 S11: no address, name, text or secret in logs, errors, keys, events or the bus', async () => {
    const contact = contactOf({
      toContactId: CANARY.phone,
      contextItems: { CustomerName: CANARY.name, OrderNumber: 'A', DeliveryDate: 'B' },
    });
    const { outboundRequest } = await all.dispatch.sendOutboundMessages(
      requestOf(made.outboundConfigurationId, [contact]),
    );
    await eventually(async () => {
      const { outboundRequest: seen } = await all.dispatch.getRequest({ outboundRequestId: outboundRequest?.id ?? '' });
      expect(seen?.counts?.delivered).toBe(1);
    });
    const errors = await Promise.all(
      [
        requestOf(made.outboundConfigurationId, [{ ...contact, customerName: CANARY.name.repeat(400) }]),
        requestOf(made.outboundConfigurationId, [contact], { requestId: CANARY.phone }),
        requestOf(CANARY.name, [contact]),
      ].map((request) => refusal(all.dispatch.sendOutboundMessages(request))),
    );
    const outbox = await herald.test.asOwner(`select key, encode(payload, 'escape') as payload from dispatch.outbox`);
    const told = [
      ...logged,
      ...errors.map(({ message, detail }) => JSON.stringify({ message, ...detail, cause: undefined })),
      JSON.stringify(outbox),
    ].join('\n');
    for (const secret of [CANARY.phone, CANARY.phone.slice(1), CANARY.name, CANARY.token])
      expect(told).not.toContain(secret);
    expect(herald.deadLetters).toEqual([]);
  });

  it('keeps addresses and texts in one table, apart from states', async () => {
    const tables = await herald.test.asOwner<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('dispatch', 'configuration', 'template') and c.relkind = 'r'`,
    );
    const holding: string[] = [];
    for (const { name } of tables) {
      const [found] = await herald.test.asOwner<{ rows: number }>(
        `select count(*)::int as rows from ${name} as t where t::text like '%${CANARY.phone.slice(1)}%' or t::text like '%${CANARY.name}%'`,
      );
      if ((found?.rows ?? 0) > 0) holding.push(name.replace(/_\d{4}_\d{2}$/, ''));
    }
    expect([...new Set(holding)]).toEqual(['dispatch.message_body']);
  });
});
