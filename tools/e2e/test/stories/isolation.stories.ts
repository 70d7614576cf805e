import { randomUUID } from 'node:crypto';
import { Channel, ChannelAccount, OutboundConfiguration } from '@herald/contracts/configuration';
import { Hold, Hold_Kind, MessageState } from '@herald/contracts/dispatch';
import { Template } from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { decodeStatus, SERVICE_NAMES } from '@herald/grpc';
import type { SampleOrganisation } from '@herald/herald-cli';
import { eventually } from '@herald/testing';
import { anyCaller, EVERY_RPC, type AnyCaller, type Outcome, type Rpc } from '../every-rpc';
import { contactOf, requestOf } from '../requests';
import type { RunningHerald } from '../running-herald';

const [OWNER, STRANGER] = ['0190a000-0000-7000-8000-00000000a001', '0190a000-0000-7000-8000-00000000b002'];

/** Every id that the owner has, by the name of the field that takes it. */
type Ids = SampleOrganisation & { outboundRequestId: string; messageId: string; holdId: string; subjectId: string };

/** The resources that an RPC makes or changes, whole but for pointing at what is the owner's. */
function resourcesOf(ids: Ids, { name: rpc }: Rpc): Record<string, object> {
  const { channelAccountId, channelId, templateId, outboundConfigurationId } = ids;
  const [name, channelType] = [randomUUID(), ChannelType.SMS];
  const channel = { channelAccountId, displayName: name, channelType, sender: '54321' };
  const outboundConfiguration = { name, channelType, channelId, templateId };
  if (rpc.startsWith('Create')) {
    return {
      channel: Channel.fromPartial(channel),
      outboundConfiguration: OutboundConfiguration.fromPartial(outboundConfiguration),
    };
  }
  return {
    hold: Hold.fromPartial({ kind: Hold_Kind.CHANNEL, subjectId: channelId }),
    template: Template.fromPartial({ id: templateId, name }),
    channelAccount: ChannelAccount.fromPartial({ id: channelAccountId, displayName: name }),
    channel: Channel.fromPartial({ ...channel, id: channelId }),
    outboundConfiguration: OutboundConfiguration.fromPartial({ ...outboundConfiguration, id: outboundConfigurationId }),
  };
}

/** The request of an RPC with an id of the owner in every field that takes one; undefined where none does. */
function requestWith(ids: Ids, rpc: Rpc): object | undefined {
  const request = rpc.method.requestDeserialize(Buffer.alloc(0)) as Record<string, unknown>;
  const taken = Object.entries({ ...ids, ...resourcesOf(ids, rpc) }).filter(([field]) => field in request);
  if (taken.length === 0) return undefined;
  const isNamed = 'template' in request || 'outboundConfiguration' in request;
  const usual = {
    requestId: randomUUID(),
    contacts: [contactOf()],
    version: 1,
    ...{ toAddress: '+14255550123', text: 'Hello', conversationId: randomUUID() },
    ...{ state: MessageState.SENT, evidence: 'The provider says so.' },
    credentials: { provider: { $case: 'twilio', value: { authToken: 'x', apiKeySid: '', apiKeySecret: '' } } },
    updateMask: [isNamed ? 'name' : 'display_name'],
  };
  return {
    ...request,
    ...Object.fromEntries(Object.entries(usual).filter(([field]) => field in request)),
    ...Object.fromEntries(taken),
  };
}

/** Whether organisations are kept apart. */
export function isolationStories(herald: () => RunningHerald): void {
  describe('an organisation and a stranger who knows all its ids', () => {
    let caller: AnyCaller;
    let ids: Ids;
    const tokens: string[] = [];

    beforeAll(async () => {
      caller = anyCaller(herald());
      const owner = herald().as({ org: OWNER });
      const made = await herald().organisation(OWNER);
      await herald().organisation(STRANGER);
      const sent = await owner.dispatch.sendOutboundMessages(requestOf(made.outboundConfigurationId, [contactOf()]));
      const outcome = sent.results[0]?.outcome;
      ids = {
        ...made,
        // The audit log is asked by the id of what was changed.
        subjectId: made.templateId,
        outboundRequestId: sent.outboundRequest?.id ?? '',
        messageId: outcome?.$case === 'accepted' ? outcome.value.messageId : '',
        holdId: '',
      };
      await eventually(async () => {
        const { outboundRequest } = await owner.dispatch.getRequest({ outboundRequestId: ids.outboundRequestId });
        expect(outboundRequest?.counts?.delivered).toBe(1);
        expect(await herald().test.asOwner('select 1 from dispatch.slice')).toEqual([]);
      });
      const hold = Hold.fromPartial({ kind: Hold_Kind.CHANNEL, subjectId: made.channelId });
      const operator = herald().as({ org: OWNER, scopes: ['operator'] });
      const placed = await operator.dispatch.placeHold({ requestId: randomUUID(), hold });
      ids.holdId = placed.hold?.id ?? '';
      const scopes = ['send', 'read', 'configure', 'agent', 'supervisor', 'operator'] as const;
      tokens.push(await herald().tokens.userToken({ org: STRANGER, scopes }));
      for (const service of SERVICE_NAMES) tokens.push(await herald().tokens.serviceToken(service, STRANGER));
    });
    afterAll(() => caller.close());

    /** What each of the stranger's callers hears of an RPC: reasons of refusals, and answers as text. */
    const heardFrom = async (rpc: Rpc, request?: object) => {
      const outcomes: Outcome[] = [];
      for (const token of tokens) outcomes.push(await caller.call(rpc, token, request));
      return {
        reasons: new Set(
          outcomes.flatMap((one) => ('error' in one ? [decodeStatus(one.error as never, rpc.method.path).reason] : [])),
        ),
        answers: outcomes.flatMap((one) => ('error' in one ? [] : [JSON.stringify(one.answer)])),
      };
    };

    /** A digest of everything stored of the owner, by table. */
    const stored = async () => {
      const tables = await herald().test.asOwner<{ name: string }>(
        `select format('%I.%I', table_schema, table_name) as name
           from information_schema.columns
          where column_name = 'org_id' and table_schema in ('dispatch', 'configuration', 'template')
          order by 1`,
      );
      const digests: Record<string, string | undefined> = {};
      for (const { name } of tables) {
        const [row] = await herald().test.asOwner<{ digest: string }>(
          `select md5(coalesce(string_agg(t::text, ' ' order by t::text), '')) as digest
             from ${name} as t where org_id = '${OWNER}'`,
        );
        digests[name] = row?.digest;
      }
      return digests;
    };

    it('P10 S1: by no RPC, caller or id does the stranger find, learn or change anything of it', async () => {
      const before = await stored();
      const tried: string[] = [];
      for (const rpc of EVERY_RPC) {
        const request = requestWith(ids, rpc);
        const { reasons, answers } = await heardFrom(rpc, request);
        for (const id of Object.values(ids)) for (const answer of answers) expect(answer).not.toContain(id);
        // What only narrows a list or a report by an id finds nothing, and does not say that it is not there.
        if (!request || /^List|^GetDeliveryReport$/.test(rpc.name) || reasons.has('UNIMPLEMENTED')) continue;
        tried.push(rpc.name);
        const found = [...reasons].filter((reason) => reason.endsWith('_NOT_FOUND'));
        expect([rpc.name, answers, found, [...reasons]]).toEqual([
          rpc.name,
          [],
          [expect.any(String)],
          expect.anything(),
        ]);
      }
      expect(tried.length).toBeGreaterThan(25);
      expect(await stored()).toEqual(before);
    });
  });
}
