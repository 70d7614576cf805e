import type { AuditEntry } from '@herald/contracts/audit';
import { decodeStatus } from '@herald/grpc';
import { AUDITED_SERVICES, type AuditedService, type Connection } from '@herald/herald-cli';
import { CANARY, CHANGES, ORG, SHOWN, type Change, type Scene, type Shown } from './every-change';
import { anyCaller, EVERY_RPC, type AnyCaller, type Rpc } from './every-rpc';
import { oneProcessHerald } from './one-process-herald';
import type { RunningHerald } from './running-herald';
import { changes } from './which-change';

describe('the audit log of every service', () => {
  let herald: RunningHerald;
  let caller: AnyCaller;
  let operator: Connection;
  let scene: Scene;
  const tokens = { may: '', mayNot: '', conversation: '' };

  beforeAll(async () => {
    herald = await oneProcessHerald();
    caller = anyCaller(herald);
    operator = herald.as({ org: ORG, scopes: ['operator'], subject: 'olga' });
    const simulatorUrl = herald.simulator.url;
    scene = { all: herald.as({ org: ORG }), operator, made: await herald.organisation(ORG), simulatorUrl };
    tokens.may = await herald.tokens.userToken({ org: ORG, scopes: ['configure', 'send', 'operator'], subject: 'ben' });
    tokens.conversation = await herald.tokens.serviceToken('conversation', ORG);
    tokens.mayNot = await herald.tokens.userToken({ org: ORG, scopes: ['supervisor'] });
  });
  afterAll(async () => {
    caller.close();
    await herald.stop();
  });

  const served = EVERY_RPC.filter((rpc) => Object.hasOwn(CHANGES, rpc.name));
  const entriesAt = async (at: AuditedService) => {
    const entries: AuditEntry[] = [];
    let pageToken = '';
    do {
      const none = { rpc: '', subjectId: '', startTime: undefined, endTime: undefined };
      const page = await operator.audit[at].listAuditEntries({ pageSize: 200, pageToken, ...none });
      entries.push(...page.entries);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return entries;
  };
  const databaseNow = async () => {
    const [row] = await herald.test.asOwner<{ now: Date }>(
      `select date_trunc('milliseconds', clock_timestamp()) as now`,
    );
    return row?.now.getTime() ?? 0;
  };
  const answerOf = async (rpc: Rpc, request: object, token = tokens.may) => {
    const outcome = await caller.call(rpc, token, request);
    if ('error' in outcome) throw outcome.error;
    return outcome.answer;
  };

  it('S16: every RPC is said to change something or to read, and each that changes something and is served is tried here', async () => {
    expect(EVERY_RPC.filter((rpc) => changes(rpc) === undefined).map(({ name }) => name)).toEqual([]);
    const untried: string[] = [];
    for (const rpc of EVERY_RPC.filter((one) => changes(one) === true && !Object.hasOwn(CHANGES, one.name))) {
      const reasons = new Set<string>();
      for (const token of await everyToken()) {
        const outcome = await caller.call(rpc, token);
        if ('error' in outcome) reasons.add(decodeStatus(outcome.error as never, rpc.method.path).reason);
      }
      if (!reasons.has('UNIMPLEMENTED')) untried.push(rpc.name);
    }
    expect(untried).toEqual([]);
    expect(served.map(({ name }) => name).sort()).toEqual(Object.keys(CHANGES).sort());
    expect(served.filter((rpc) => changes(rpc) !== true)).toEqual([]);
  });

  const everyToken = async () => [
    await herald.tokens.userToken({ org: ORG, scopes: ['send', 'configure', 'agent', 'supervisor', 'operator'] }),
    await herald.tokens.serviceToken('template', ORG),
    await herald.tokens.serviceToken('conversation', ORG),
  ];

  const callerOf = ({ caller: service }: Change) =>
    service === undefined
      ? { token: tokens.may, callerKind: 'CALLER_KIND_USER', caller: 'ben' }
      : { token: tokens[service], callerKind: 'CALLER_KIND_SERVICE', caller: `service:${service}` };

  it.each(served.map((rpc) => [rpc.name, rpc] as const))(
    'S16: %s leaves one entry, and none when it is refused or repeated',
    async (name, rpc) => {
      const at = rpc.at as AuditedService;
      const change = await (CHANGES[name] as (typeof CHANGES)[string])(scene);
      const earlier = await entriesAt(at);
      const { token, ...who } = callerOf(change);
      await expect(answerOf(rpc, change.refused, token)).rejects.toThrow();
      expect(await caller.call(rpc, tokens.mayNot, change.request)).toHaveProperty('error');
      expect(await entriesAt(at)).toEqual(earlier);

      const from = await databaseNow();
      const answer = await answerOf(rpc, change.request, token);
      const until = await databaseNow();
      const [entry, ...others] = await entriesAt(at);
      expect(others).toEqual(earlier);
      const show = SHOWN[change.kind] as (answer: unknown) => Shown;
      const { id, shown } = show(answer);
      expect(entry).toMatchObject({
        ...{ ...who, rpc: rpc.method.path.slice(1), orgId: ORG },
        ...{ subjectKind: change.kind, subjectId: id },
        requestId: requestIdOf(change),
      });
      expect(entry?.time?.getTime()).toBeGreaterThanOrEqual(from);
      expect(entry?.time?.getTime()).toBeLessThanOrEqual(until);
      expect(jsonOf(entry?.afterJson)).toEqual(shown);
      expect(jsonOf(entry?.beforeJson)).toEqual(change.before && show(change.before).shown);
      if (change.before) expect(show(change.before).shown).not.toEqual(shown);

      await answerOf(rpc, change.repeat ?? change.request, token);
      expect(await entriesAt(at)).toHaveLength(earlier.length + (change.isDoneAgain ? 2 : 1));
    },
  );

  it('S16 P22: no entry holds an address, a name, a text or a secret, and each log is intact', async () => {
    const { channelAccounts } = await scene.all.configuration.listChannelAccounts({ pageSize: 0, pageToken: '' });
    const segments = channelAccounts.map(({ statusWebhookUrl }) => statusWebhookUrl.split('/').at(-1) ?? '');
    const [message] = await herald.test.asOwner<{ body: string }>('select body from dispatch.message_body');
    const secrets = [
      ...Object.values(CANARY),
      CANARY.phone.slice(1),
      CANARY.sender.slice(1),
      message?.body ?? '',
      ...segments,
    ];
    let text = '';
    for (const at of AUDITED_SERVICES) {
      const check = await operator.audit[at].checkAuditLog({ expectedHead: undefined });
      expect(check).toMatchObject({ intact: true, fault: undefined });
      const [entries, rows] = [
        await entriesAt(at),
        await herald.test.asOwner(`select e::text from ${at}.audit_entry e`),
      ];
      expect(check.entries).toBe(entries.length);
      text += JSON.stringify([entries, rows]);
    }
    expect(text).toContain(scene.made.outboundConfigurationId);
    for (const secret of secrets) {
      expect(secret).not.toBe('');
      expect(text).not.toContain(secret);
    }
  });

  it('S16: in no service has any role but the owner a right to a log, except that the application may read it', async () => {
    const rights = await herald.test.asOwner<{ right: string }>(
      `select format('%s %s %s.%s', acl.grantee::regrole, acl.privilege_type, n.nspname, c.relname) as right
         from pg_class c
         join pg_namespace n on n.oid = c.relnamespace
        cross join aclexplode(c.relacl) acl
        where c.relname in ('audit_entry', 'audit_head') and acl.grantee <> c.relowner
        order by 1`,
    );
    const expected = AUDITED_SERVICES.flatMap((at) =>
      ['audit_entry', 'audit_head'].map((table) => `herald_${at}_app SELECT ${at}.${table}`),
    );
    expect(rights.map(({ right }) => right)).toEqual(expected.sort());
  });
});

function jsonOf(text = ''): unknown {
  return text === '' ? undefined : JSON.parse(text);
}

function requestIdOf({ request, requestId }: Change): unknown {
  return requestId ?? ('requestId' in request ? request.requestId : '');
}
