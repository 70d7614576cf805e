import {
  SendOutboundMessagesResponse,
  type CancelRequestRequest,
  type CheckLedgerRequest,
  type DispatchServiceServer,
  type GetDispatchStatusRequest,
  type ListHoldsRequest,
  type PauseRequestRequest,
  type PlaceHoldRequest,
  type ReleaseHoldRequest,
  type ResumeRequestRequest,
} from '@herald/contracts/dispatch';
import { invalidFields } from '@herald/errors';
import { bidiStreaming, serverStreaming, unary, unimplemented, type Caller, type StreamContext } from '@herald/grpc';
import { validate as isUuid } from 'uuid';
import { readQuota } from './accept/quota';
import { sendOutboundMessages, type AcceptDeps } from './accept/send-outbound-messages';
import { readSendCommand } from './accept/wire';
import { cancelRequest, pauseRequest, resumeRequest } from './control/change-request';
import { dispatchStatus, type StatusDeps } from './control/dispatch-status';
import { listHolds, placeHold, releaseHold, type HoldDeps } from './control/holds';
import { resolveMessage } from './evidence/resolve-message';
import { listMessageSteps } from './queries/message-steps';
import { getMessage, listMessages } from './queries/messages';
import { listRequests, readRequest } from './queries/requests';
import { sendReply, type ReplyDeps } from './replies/send-reply';
import { checkLedger } from './reports/check-ledger';
import { getDeliveryReport } from './reports/get-delivery-report';
import { streamOutboundMessages } from './stream/stream-outbound-messages';
import { watchRequest } from './watch/watch-request';

/** What the service needs beyond what accepting needs. */
export interface ServiceDeps extends AcceptDeps, StatusDeps {
  /** What belongs to configuration-service. */
  subjects: HoldDeps['subjects'] & ReplyDeps['subjects'];
  /** The organisation's limit of requests in any hour. */
  requestsPerHourMax(org: string, signal: AbortSignal): Promise<number>;
}

/** The gRPC face of dispatch: reads the request, calls one use case, writes the response. It decides nothing. */
export function dispatchService(deps: ServiceDeps): DispatchServiceServer {
  const { database } = deps;
  // What reads the rows of months may take what its caller waits, and no statement goes on for nobody.
  const leftUntil = (deadline: Date) => deadline.getTime() - deps.now().getTime();
  return {
    sendOutboundMessages: unary(async (request, context) => {
      const command = readSendCommand(request, userOf(context), deps.now());
      const { response } = await sendOutboundMessages(deps, context, command);
      return SendOutboundMessagesResponse.decode(response);
    }),
    streamOutboundMessages: bidiStreaming((steps, context) =>
      streamOutboundMessages(deps, { ...context, caller: userOf(context) }, steps),
    ),
    getRequest: unary(async (request, { org }) => ({
      outboundRequest: await database.read(org, (tx) => readRequest(tx, org, idOf(request))),
    })),
    listRequests: unary((request, { org }) => listRequests(database, org, request)),
    watchRequest: serverStreaming((request, context) => watchRequest(database, context, idOf(request))),
    getMessage: unary(async (request, { org }) => ({
      message: await getMessage(database, org, uuidOf('message_id', request.messageId)),
    })),
    listMessages: unary((request, { org }) => listMessages(database, org, request)),
    listMessageSteps: unary((request, { org }) => {
      const messageId = uuidOf('message_id', request.messageId);
      return listMessageSteps(database, org, { ...request, messageId });
    }),
    resolveMessage: unary(async (request, context) => ({ message: await resolveMessage(deps, context, request) })),
    getQuota: unary(async (_request, { org, signal }) => {
      const limit = await deps.requestsPerHourMax(org, signal);
      const { used, nextAvailableAt } = await database.read(org, (tx) => readQuota(tx, org, limit));
      return { limit, used, remaining: Math.max(0, limit - used), nextAvailableTime: nextAvailableAt };
    }),
    getDeliveryReport: unary((request, { org, deadline }) =>
      getDeliveryReport(database, { org, statementMs: leftUntil(deadline) }, request),
    ),
    checkLedger: unary((request, { org, deadline }) =>
      checkLedger(database, org, readLedgerScope(request), leftUntil(deadline)),
    ),
    sendReply: unary((request, context) => sendReply(deps, context, request)),
    ...controlMethods(deps),
    ...LATER,
  };
}

/** What stops messages and lets them go on, and what an operator sees of it. */
function controlMethods(deps: ServiceDeps) {
  const { database } = deps;
  return {
    cancelRequest: unary(async (request: CancelRequestRequest, context) => ({
      outboundRequest: await cancelRequest(deps, context, idOf(request)),
    })),
    pauseRequest: unary(async (request: PauseRequestRequest, context) => ({
      outboundRequest: await pauseRequest(deps, context, idOf(request)),
    })),
    resumeRequest: unary(async (request: ResumeRequestRequest, context) => ({
      outboundRequest: await resumeRequest(deps, context, idOf(request)),
    })),
    placeHold: unary((request: PlaceHoldRequest, context) => placeHold(deps, context, request)),
    releaseHold: unary(async ({ holdId }: ReleaseHoldRequest, context) => ({
      hold: await releaseHold(database, context, uuidOf('hold_id', holdId).toLowerCase()),
    })),
    listHolds: unary((request: ListHoldsRequest, { org }) => listHolds(database, org, request)),
    getDispatchStatus: unary((_request: GetDispatchStatusRequest, { org }) => dispatchStatus(deps, org)),
  };
}

/** RPCs of the contract that no version serves yet; README lists them. */
const LATER = {
  previewOutboundMessages: unimplemented(),
  runFlow: unimplemented(),
  getFlowRun: unimplemented(),
  listFlowRuns: unimplemented(),
  publishEntityEvents: unimplemented(),
  addSuppression: unimplemented(),
  removeSuppression: unimplemented(),
  listSuppressions: unimplemented(),
  eraseContact: unimplemented(),
  exportConsent: unimplemented(),
};

function userOf({ caller }: StreamContext): Caller & { kind: 'user' } {
  if (caller.kind === 'user') return caller;
  throw new Error('the access table admits only users to this method');
}

function readLedgerScope({ outboundRequestId, flowRunId }: CheckLedgerRequest): string | undefined {
  if (flowRunId !== '') {
    const description = 'must be empty: this version runs no flows';
    throw invalidFields([{ field: 'flow_run_id', description, reason: 'FIELD_NOT_ALLOWED' }]);
  }
  return outboundRequestId === '' ? undefined : uuidOf('outbound_request_id', outboundRequestId);
}

function idOf({ outboundRequestId }: { outboundRequestId: string }): string {
  return uuidOf('outbound_request_id', outboundRequestId).toLowerCase();
}

function uuidOf(field: string, id: string): string {
  if (isUuid(id)) return id;
  throw invalidFields([{ field, description: 'must be a UUID', reason: 'FIELD_MALFORMED' }]);
}
