import { randomUUID } from 'node:crypto';
import { DeliveryGuarantee, Purpose } from '@herald/contracts/configuration';
import {
  Contact,
  DispatchServiceClient,
  DispatchServiceService,
  type ContactResult,
  type SendOutboundMessagesRequest,
} from '@herald/contracts/dispatch';
import type { HeraldError } from '@herald/errors';
import { grpcClient, grpcServer, tokenVerifier, type PromiseClient, type Scope } from '@herald/grpc';
import type { Database } from '@herald/postgres';
import { compileTemplate } from '@herald/rendering';
import { testIdentity } from '@herald/testing';
import { encodeAcceptance } from '../src/accept/wire';
import { DISPATCH_ACCESS } from '../src/access';
import type { ResolvedConfiguration } from '../src/configurations/resolved-configuration';
import { dispatchService } from '../src/service';
import { deps, testLedger, type TestLedger } from './ledger';

/** A client of dispatch, as one caller. */
export type Dispatch = PromiseClient<DispatchServiceClient>;

/** The gRPC face of dispatch over a ledger in which nothing is sent, so that states stand still until a spec moves them. */
export interface OpenDoors {
  ledger: TestLedger;
  /** What every configuration resolves to, and what channels are found by; a spec may change it, and `refuses` as well. */
  configuration: { resolved: ResolvedConfiguration; refuses: HeraldError | undefined };
  as(user: { org: string; scopes?: readonly Scope[]; subject?: string }): Dispatch;
  /** As conversation-service, for an organisation. */
  asConversation(org: string): Dispatch;
  stop(): Promise<void>;
}

/** Opens the service's doors; `behind` may put the database behind another. */
export async function openDoors(behind: (database: Database) => Database = (database) => database): Promise<OpenDoors> {
  const ledger = await testLedger();
  const identity = await testIdentity();
  const configuration: OpenDoors['configuration'] = { resolved: resolvedConfiguration(), refuses: undefined };
  const found = () => {
    if (configuration.refuses) throw configuration.refuses;
  };
  const implementation = dispatchService({
    ...{ ...deps, database: behind(ledger.database), encode: encodeAcceptance },
    configurations: {
      resolve: async () => {
        found();
        return configuration.resolved;
      },
    },
    requestsPerHourMax: async () => configuration.resolved.requestsPerHourMax,
    currentTraceparent: () => undefined,
    onPlanned: () => {},
    oldestEventAgeMs: async () => 0,
    subjects: {
      confirmConfiguration: async () => found(),
      confirmChannel: async () => found(),
      replyChannel: async () => {
        found();
        const { channelAccountId, spreadSenders } = configuration.resolved;
        return { channelAccountId, spreadSenders };
      },
    },
  });
  const server = await grpcServer({
    address: '127.0.0.1:0',
    services: [{ definition: DispatchServiceService, implementation, access: DISPATCH_ACCESS }],
    identity: tokenVerifier(identity.identityOf('dispatch')),
    health: { calls: {} },
    reflection: false,
  });
  const clients: Dispatch[] = [];
  const clientWith = (token: () => Promise<string>): Dispatch => {
    const client = grpcClient(DispatchServiceClient, { url: `127.0.0.1:${server.port}`, token });
    clients.push(client);
    return client;
  };
  return {
    ledger,
    configuration,
    as: ({ org, scopes = ['send', 'read'], subject = 'ana' }) =>
      clientWith(() => identity.userToken({ org, scopes, subject })),
    asConversation: (org) => clientWith(() => identity.serviceToken('conversation', org)),
    stop: async () => {
      for (const client of clients) client.close();
      await server.stop();
      await ledger.close();
    },
  };
}

/** A configuration that greets in two languages. */
export function resolvedConfiguration(changes: Partial<ResolvedConfiguration> = {}): ResolvedConfiguration {
  return {
    ...{ channelType: 'SMS', showInTimeline: false, strict2020: false },
    template: {
      defaultLanguage: 'en-US',
      texts: new Map([
        ['en-US', compileTemplate('Hello {CustomerName}')],
        ['es-ES', compileTemplate('Hola {CustomerName}')],
      ]),
      missingSlugPolicy: 'strict',
    },
    ...{ templateId: randomUUID(), templateVersion: 3, channelId: randomUUID(), channelAccountId: randomUUID() },
    ...{ deliveryGuarantee: 'AT_MOST_ONCE', purpose: 'TRANSACTIONAL', validForMs: undefined },
    ...{ contactsPerRequestMax: 100, requestsPerHourMax: 30_000, spreadSenders: false },
    ...changes,
  };
}

/** A contact that can be sent to, told apart from others by its number. */
export function contactOf(number = 0, changes: Partial<Contact> = {}): Contact {
  return Contact.fromPartial({
    toContactId: `+1425555${String(number).padStart(4, '0')}`,
    optin: true,
    contextItems: { CustomerName: 'Ana' },
    ...changes,
  });
}

/** So many contacts that can be sent to. */
export function contactsOf(count: number): Contact[] {
  return Array.from({ length: count }, (_, number) => contactOf(number));
}

/** A request to send, with ids of its own. */
export function requestOf(
  contacts: Contact[],
  changes: Partial<SendOutboundMessagesRequest> = {},
): SendOutboundMessagesRequest {
  return {
    requestId: randomUUID(),
    outboundConfigurationId: randomUUID(),
    contacts,
    deliveryGuarantee: DeliveryGuarantee.UNSPECIFIED,
    purpose: Purpose.UNSPECIFIED,
    validFor: undefined,
    readyTime: undefined,
    ...changes,
  };
}

/** The message of a contact that was not refused. */
export function messageIdOf(result: ContactResult | undefined): string {
  const outcome = result?.outcome;
  if (outcome === undefined || outcome.$case === 'refused') throw new Error('the contact has no message');
  return outcome.value.messageId;
}
