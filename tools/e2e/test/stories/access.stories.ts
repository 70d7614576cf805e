import { decodeStatus, SERVICE_NAMES, type Scope } from '@herald/grpc';
import { anyCaller, EVERY_RPC, type AnyCaller, type Rpc } from '../every-rpc';
import { tableUnder } from '../readme';
import type { RunningHerald } from '../running-herald';

const SCOPES: readonly Scope[] = ['send', 'read', 'configure', 'agent', 'supervisor', 'operator'];
const NOT_ALLOWED = new Set(['SCOPE_MISSING', 'CALLER_NOT_ALLOWED']);
/** Set when the call was answered, or refused for another thing than who called. */
const ANSWERED = 'answered';

/** A service as README calls it: its project's name. */
function labelOf(service: (typeof SERVICE_NAMES)[number]): string {
  return service === 'gateway' ? 'webhook-gateway' : `${service}-service`;
}

/** Who may call what, as README says it. */
export function accessStories(herald: () => RunningHerald): void {
  describe('every RPC, called by everybody', () => {
    let caller: AnyCaller;
    const tokens = new Map<string, string>();

    beforeAll(async () => {
      caller = anyCaller(herald());
      for (const scope of SCOPES)
        tokens.set(scope, await herald().tokens.userToken({ org: 'matrix', scopes: [scope] }));
      for (const service of SERVICE_NAMES) {
        const org = '0190a000-0000-7000-8000-00000000a11c';
        tokens.set(labelOf(service), await herald().tokens.serviceToken(service, org));
      }
    });
    afterAll(() => caller.close());

    /** Calls an RPC of any kind with an empty request; the reason it is refused for. */
    const outcomeOf = async (rpc: Rpc, token?: string) => {
      const outcome = await caller.call(rpc, token);
      return 'error' in outcome ? decodeStatus(outcome.error as never, rpc.method.path).reason : ANSWERED;
    };

    it('S1: wants a token for each', async () => {
      for (const rpc of EVERY_RPC) expect(await outcomeOf(rpc)).toBe('UNAUTHENTICATED');
    });

    it('S1: is allowed to whom README says, and to nobody else', async () => {
      const found: Record<string, string> = {};
      for (const rpc of EVERY_RPC) {
        const allowed: string[] = [];
        for (const [who, token] of tokens) if (!NOT_ALLOWED.has(await outcomeOf(rpc, token))) allowed.push(who);
        const key = `${rpc.service}/${rpc.name}`;
        // What is served in several places is open to the same callers in each.
        expect([undefined, allowed.sort().join(', ')]).toContain(found[key]);
        found[key] = allowed.join(', ');
      }
      const documented = tableUnder('## Who may call whom').flatMap(([service = '', who = '', rpcs = '']) =>
        rpcs.split(', ').map((rpc) => [`${service}/${rpc}`, who.split(', ').sort().join(', ')] as const),
      );
      expect(found).toEqual(Object.fromEntries(documented));
    });

    it('is served, or README lists it as UNIMPLEMENTED', async () => {
      const unserved: Record<string, string[]> = {};
      for (const rpc of EVERY_RPC) {
        const outcomes = new Set<string>();
        for (const token of tokens.values()) outcomes.add(await outcomeOf(rpc, token));
        if (outcomes.has('UNIMPLEMENTED')) (unserved[rpc.service] ??= []).push(rpc.name);
      }
      const all = EVERY_RPC.filter(({ service }) => service === 'ConversationService').map(({ name }) => name);
      const documented = tableUnder('### Not served yet').map(([service = '', rpcs = '']) => [
        service,
        (rpcs === 'all' ? all : rpcs.split(', ')).sort(),
      ]);
      for (const rpcs of Object.values(unserved)) rpcs.sort();
      expect(unserved).toEqual(Object.fromEntries(documented));
    });
  });
}
