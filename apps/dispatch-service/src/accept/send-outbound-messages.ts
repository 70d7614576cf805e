import { HeraldError } from '@herald/errors';
import { appendOutbox, type Database, type Tx } from '@herald/postgres';
import type { ResolvedConfiguration } from '../configurations/resolved-configuration';
import { batchReady } from '../events';
import {
  planContacts,
  type AcceptedContact,
  type Contact,
  type PlannedContact,
  type SkippedContact,
} from './plan-contacts';
import { refuseWhenExhausted, spendQuota } from './quota';
import { claimRequestId, findAnswer, insertBatch, insertRequest, insertSkipped } from './store';
import type { IdempotencyKey, NewRequest, StoredAnswer } from './store';

/** How long a message may wait before it expires, unless its configuration or request says otherwise: Twilio's own queue holds 10 h. */
export const VALID_FOR_DEFAULT_MS = 10 * 3_600_000;

/** A request to send, read from the wire and valid in shape. Overrides are undefined where the configuration decides. */
export interface SendCommand {
  key: IdempotencyKey;
  requestHash: Buffer;
  configurationId: string;
  contacts: readonly Contact[];
  deliveryGuarantee: NewRequest['deliveryGuarantee'] | undefined;
  purpose: NewRequest['purpose'] | undefined;
  validForMs: number | undefined;
  readyAt: Date | undefined;
}

/** What was accepted: the stored request, and what became of each contact in the contacts' order. */
export interface Acceptance {
  request: NewRequest;
  planned: readonly PlannedContact[];
}

/** What this use case needs of the world. */
export interface AcceptDeps {
  database: Database;
  configurations: {
    resolve(org: string, configurationId: string, signal: AbortSignal): Promise<ResolvedConfiguration>;
  };
  /** The shard that owns an organisation's messages. */
  shardOf(org: string): number;
  /** The answer as it is stored and given again to a repeat. */
  encode(acceptance: Acceptance): Buffer;
  currentTraceparent(): string | undefined;
  newId(): string;
  now(): Date;
}

/**
 * Accepts a request and answers with the encoded response, the same bytes for every repeat of the request id.
 *
 * The first answer is looked for before anything else is checked, so that a repeat gets it even after the
 * configuration was deactivated. Everything is written in one transaction, the quota last: a crash before its commit
 * leaves nothing, one after it leaves the repeat. A commit whose outcome the client never saw is told by the repeat.
 */
export async function sendOutboundMessages(
  deps: AcceptDeps,
  command: SendCommand,
  signal: AbortSignal,
): Promise<Buffer> {
  const { org } = command.key;
  const earlier = await deps.database.read(org, (tx) => findAnswer(tx, command.key));
  if (earlier) return sameAnswer(command, earlier);

  const configuration = await deps.configurations.resolve(org, command.configurationId, signal);
  refuseTooMany(command, configuration);
  await deps.database.read(org, (tx) => refuseWhenExhausted(tx, org, configuration.requestsPerHourMax));

  const acceptance = plan(deps, command, configuration);
  const answer = { requestHash: command.requestHash, response: deps.encode(acceptance) };
  signal.throwIfAborted();
  const stored = await deps.database.transaction(org, (tx) =>
    store(tx, deps, { command, configuration, acceptance, answer }),
  );
  return stored ? answer.response : sameAnswer(command, await theWinnersAnswer(deps.database, command.key));
}

/** The answer of the call that held the request id when ours wanted it; its transaction is committed by now. */
async function theWinnersAnswer(database: Database, key: IdempotencyKey): Promise<StoredAnswer> {
  const answer = await database.read(key.org, (tx) => findAnswer(tx, key));
  if (answer) return answer;
  throw new HeraldError('DATABASE_UNAVAILABLE', 'The first call with this request_id has just ended. Repeat the call.');
}

function sameAnswer(command: SendCommand, earlier: StoredAnswer): Buffer {
  if (earlier.requestHash.equals(command.requestHash)) return earlier.response;
  throw new HeraldError(
    'REQUEST_ID_REUSED',
    'This request_id was used for a request with other content. Use a new id for a new request, and the same content for a repeat.',
    { metadata: { requestId: command.key.requestId } },
  );
}

function refuseTooMany(command: SendCommand, { contactsPerRequestMax }: ResolvedConfiguration): void {
  if (command.contacts.length <= contactsPerRequestMax) return;
  const description = `${command.contacts.length} contacts; at most ${contactsPerRequestMax} fit in a request. Split the list.`;
  throw new HeraldError('TOO_MANY_CONTACTS', description, {
    metadata: { contacts: String(command.contacts.length), contactsMax: String(contactsPerRequestMax) },
    violations: [{ field: 'contacts', description }],
  });
}

function plan(deps: AcceptDeps, command: SendCommand, configuration: ResolvedConfiguration): Acceptance {
  const planned = planContacts(command.contacts, configuration, deps.newId);
  const refusedByReason: Record<string, number> = {};
  for (const contact of planned) {
    if (contact.kind === 'refused') refusedByReason[contact.reason] = (refusedByReason[contact.reason] ?? 0) + 1;
  }
  const createdAt = deps.now();
  const validForMs = command.validForMs ?? configuration.validForMs ?? VALID_FOR_DEFAULT_MS;
  const request: NewRequest = {
    org: command.key.org,
    id: deps.newId(),
    requestId: command.key.requestId,
    caller: command.key.caller,
    configurationId: command.configurationId,
    templateId: configuration.templateId,
    templateVersion: configuration.templateVersion,
    channelId: configuration.channelId,
    channelAccountId: configuration.channelAccountId,
    channelType: configuration.channelType,
    showInTimeline: configuration.showInTimeline,
    deliveryGuarantee: command.deliveryGuarantee ?? configuration.deliveryGuarantee,
    purpose: command.purpose ?? configuration.purpose,
    contacts: command.contacts.length,
    refusedByReason,
    createdAt,
    expiresAt: new Date((command.readyAt ?? createdAt).getTime() + validForMs),
  };
  return { request, planned };
}

interface Plan {
  command: SendCommand;
  configuration: ResolvedConfiguration;
  acceptance: Acceptance;
  answer: StoredAnswer;
}

/** Writes all of it; false, with nothing written, when another call holds the request id. */
async function store(tx: Tx, deps: AcceptDeps, { command, configuration, acceptance, answer }: Plan): Promise<boolean> {
  if (!(await claimRequestId(tx, command.key, answer))) return false;
  const { request, planned } = acceptance;
  await insertRequest(tx, request);
  await insertSkipped(
    tx,
    request,
    planned.filter((contact): contact is SkippedContact => contact.kind === 'skipped'),
  );
  const accepted = planned.filter((contact): contact is AcceptedContact => contact.kind === 'accepted');
  if (accepted.length > 0) {
    const batch = {
      id: deps.newId(),
      shard: deps.shardOf(request.org),
      priority: 0,
      readyAt: command.readyAt ?? request.createdAt,
      traceparent: deps.currentTraceparent(),
    };
    await insertBatch(tx, request, batch, accepted);
    await appendOutbox(tx, [batchReady(request.org, batch, deps)]);
  }
  await spendQuota(tx, request.org, configuration.requestsPerHourMax);
  return true;
}
