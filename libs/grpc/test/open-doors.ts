import { Client, credentials } from '@grpc/grpc-js';
import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { ConversationServiceService } from '@herald/contracts/conversation';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { TemplateServiceService } from '@herald/contracts/template';
import { grpcServer, tokenVerifier, unary, unimplemented, type Access, type CallContext } from '../src';
import type { TokenRules } from '../src/token-verifier';
import { sendBytes, type Ended } from './running-server';

const UNBUILT = [DispatchServiceService, ConfigurationServiceService, ConversationServiceService];

/** The path of every RPC of Herald. */
export const PATHS = [TemplateServiceService, ...UNBUILT].flatMap((definition) =>
  Object.values(definition).map(({ path }) => path),
);

/** Who may call what on the server of this spec; everything else is for operators. */
const TEMPLATE_ACCESS: Record<string, Access> = {
  getTemplate: { scopes: ['read', 'configure'], services: ['dispatch'] },
  createTemplate: { scopes: ['configure'] },
  getTemplateVersion: { services: ['dispatch'] },
  archiveTemplate: { services: ['gateway'], withoutOrg: true },
};

type Send = (path: string, entries: Record<string, string>, request?: Buffer) => Promise<Ended>;

/** A server with every service of Herald, the calls that got through its door, and a client that sends any bytes. */
export async function openDoors(rules: TokenRules) {
  const seen: CallContext[] = [];
  const handler = unary<object, object>(async (_, context) => {
    seen.push(context);
    return {};
  });
  const forOperators = (definition: object, made: unknown) => ({
    implementation: Object.fromEntries(Object.keys(definition).map((rpc) => [rpc, made])) as Record<string, never>,
    access: Object.fromEntries(Object.keys(definition).map((rpc): [string, Access] => [rpc, { scopes: ['operator'] }])),
  });
  const { implementation, access } = forOperators(TemplateServiceService, handler);
  const server = await grpcServer({
    ...{ address: '127.0.0.1:0', reflection: true, health: { calls: {} }, identity: tokenVerifier(rules) },
    services: [
      { definition: TemplateServiceService, implementation, access: { ...access, ...TEMPLATE_ACCESS } },
      ...UNBUILT.map((definition) => ({ definition, ...forOperators(definition, unimplemented()) })),
    ],
  });
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const send: Send = (path, entries, request) => sendBytes(client, path, { headers: entries, bytes: request });
  return {
    port: server.port,
    seen,
    send,
    call: async (token: string, method = 'GetTemplate', request?: Buffer) =>
      (await send(`/herald.template.v1.TemplateService/${method}`, { authorization: `Bearer ${token}` }, request))
        .error,
    stop: async () => {
      client.close();
      await server.stop(0);
    },
  };
}
