/**
 * A service that tells customers when their parcels come. Of Herald it needs the contracts alone. While `npm start` runs:
 *
 *     npm run -s herald -- token --org sample --scope send,read > token.txt
 *     node -r tsx/cjs tools/herald/examples/send.ts 127.0.0.1:50053 token.txt CONFIGURATION
 *
 * A fourth argument is the request id. A service keeps it with its own work, and repeats a call of which it has no
 * answer under the same id: nobody gets a second message.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type CallOptions, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  type ContactResult,
  DispatchServiceClient,
  GetRequestRequest,
  ListMessagesRequest,
  type OutboundRequest,
  SendOutboundMessagesRequest,
} from '@herald/contracts/dispatch';
import { RetryInfo } from '@herald/contracts/rpc';
import { Status } from '@herald/contracts/status';

const CALL_MS = 10_000;
const TRIES_MAX = 5;
/** Whoever must wait longer for the hour's quota does better to come back. */
const WAIT_MS_MAX = 60_000;
const SETTLE_MS_MAX = 30_000;

const CONTACTS = [
  { clientReference: 'parcel-1', toContactId: '+14255550123', optin: true, locale: 'en-US', customerName: 'Ana' },
  { clientReference: 'parcel-2', toContactId: '+4915123456789', optin: true, locale: 'de-AT', customerName: 'Luca' },
  // No country code: it is refused, and costs the others nothing.
  { clientReference: 'parcel-3', toContactId: '5550123', optin: true, locale: 'en-US', customerName: 'Mei' },
];

const [address = '', tokenFile = '', configuration = '', requestId = randomUUID()] = process.argv.slice(2);
const client = new DispatchServiceClient(address, credentials.createInsecure());
const metadata = new Metadata();
metadata.set('authorization', `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`);

async function main(): Promise<void> {
  const { outboundRequest, results } = await patiently(client.sendOutboundMessages, requestOf(requestId));
  for (const result of results) console.log(`${result.clientReference}: ${outcomeOf(result)}`);
  const settled = await untilSettled(outboundRequest?.id ?? '');
  const request = ListMessagesRequest.fromPartial({ outboundRequestId: settled.id });
  const { messages } = await patiently(client.listMessages, request);
  for (const { clientReference, state, body } of messages) console.log(`${clientReference}: ${state}, "${body}"`);
}

function requestOf(id: string): SendOutboundMessagesRequest {
  const contextItems = { OrderNumber: 'A-1009', DeliveryDate: '24/12' };
  const contacts = CONTACTS.map((contact) => ({ ...contact, contextItems }));
  return SendOutboundMessagesRequest.fromPartial({ requestId: id, outboundConfigurationId: configuration, contacts });
}

/** Each contact has its own answer, in the order of the request. */
function outcomeOf({ outcome }: ContactResult): string {
  switch (outcome?.$case) {
    case 'accepted':
      return `accepted in ${outcome.value.language}`;
    case 'refused':
    case 'skipped':
      return `${outcome.$case}, ${outcome.value.reason}: ${outcome.value.description}`;
    case undefined:
      return 'an outcome that this client does not know yet';
  }
}

/** Waits until the provider has said what became of each message, but not for ever: it may never say. */
async function untilSettled(outboundRequestId: string): Promise<OutboundRequest> {
  const deadline = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const { outboundRequest } = await patiently(
      client.getRequest,
      GetRequestRequest.fromPartial({ outboundRequestId }),
    );
    const { queued = 0, sending = 0, sent = 0, unknown = 0 } = outboundRequest?.counts ?? {};
    if (outboundRequest && (queued + sending + sent + unknown === 0 || Date.now() > deadline)) return outboundRequest;
    await pause(200);
  }
}

type Method<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: CallOptions,
  callback: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** Calls with a deadline, and repeats what Herald says may be repeated. A request id makes that harmless. */
async function patiently<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await new Promise<Response>((resolve, reject) => {
        const options = { deadline: Date.now() + CALL_MS };
        method.call(client, request, metadata, options, (error, response) =>
          error ? reject(error) : resolve(response),
        );
      });
    } catch (error) {
      const waitMs = waitOf(error as ServiceError);
      if (waitMs === undefined || waitMs > WAIT_MS_MAX || tries === TRIES_MAX) throw error;
      await pause(waitMs);
    }
  }
}

/** How long to wait before the same call again, or undefined where it would be refused again. */
function waitOf({ code, metadata: trailers }: ServiceError): number | undefined {
  const [bytes] = trailers.get('grpc-status-details-bin');
  const details = bytes instanceof Buffer ? Status.decode(bytes).details : [];
  const info = details.find(({ typeUrl }) => typeUrl.endsWith('/google.rpc.RetryInfo'));
  const delay = info && RetryInfo.decode(info.value).retryDelay;
  if (delay) return delay.seconds * 1000 + delay.nanos / 1e6;
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED ? 1000 : undefined;
}

main()
  .catch((error: ServiceError) => {
    const waitMs = waitOf(error);
    const advice = waitMs === undefined ? '' : ` It may be repeated in ${Math.ceil(waitMs / 1000)} s.`;
    console.error(`${status[error.code]}: ${error.details}${advice}`);
    process.exitCode = 1;
  })
  .finally(() => client.close());
