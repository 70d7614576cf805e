import { HeraldError } from '@herald/errors';
import { failpoint } from '@herald/failpoints';
import {
  appendOutbox,
  claimRequestId,
  findAnswer,
  requestIdTaken,
  type Act,
  type Database,
  type IdempotencyKey,
  type OutboxEvent,
  type Tx,
} from '@herald/postgres';
import type { ResolvedConfiguration } from '../configurations/resolved-configuration';
import { batchReady, type EventDeps } from '../events';
import {
  planContacts,
  type AcceptedContact,
  type Contact,
  type KnownAddresses,
  type PlannedContact,
  type SkippedContact,
} from './plan-contacts';
import { auditAcceptance } from './audit';
import { admit, spendQuota } from './quota';
import { shardsFor } from './sender-shard';
import { insertBatch, insertRequest, insertSkipped, type NewRequest } from './store';

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
  /** The stream that the request is part of. */
  part?: RequestPart;
}

/** What a request that is part of a stream has in common with the others. */
export interface RequestPart {
  /** How many contacts fit in a request; a setting that changed meanwhile does not count. */
  contactsMax: number;
  /** What earlier requests did with addresses of this one. */
  known(tx: Tx): Promise<KnownAddresses>;
  /** Told, in the transaction that accepts, which contacts by their place became messages. */
  add(tx: Tx, accepted: readonly number[]): Promise<void>;
}

/** What was accepted: the stored request, and what became of each contact in the contacts' order. */
export interface Acceptance {
  request: NewRequest;
  planned: readonly PlannedContact[];
}

/** What this use case needs of the world. */
export interface AcceptDeps extends EventDeps {
  database: Database;
  configurations: {
    resolve(org: string, configurationId: string, signal: AbortSignal): Promise<ResolvedConfiguration>;
  };
  /** The answer as it is stored and given again to a repeat. */
  encode(acceptance: Acceptance): Buffer;
  currentTraceparent(): string | undefined;
  /** Told what became of the contacts of each accepted request, for the count. */
  onPlanned(outcomes: Record<PlannedContact['kind'], number>): void;
}

/** The answer to a request. */
export interface Answer {
  /** The encoded SendOutboundMessagesResponse, the same bytes for every repeat of the request id. */
  response: Buffer;
  /** Whether another call, or an earlier one, gave it first: this one stored nothing then. */
  isRepeat: boolean;
}

/**
 * Accepts a request, and answers it.
 *
 * A repeat gets the first answer even after the configuration was deactivated or the quota used up: whatever it is refused
 * for, the answer is looked for before it is told. Everything is written in one transaction, the audit log's entry and the
 * quota last: a crash before its commit leaves nothing, one after it leaves the repeat. A commit whose outcome the client
 * never saw is told by the repeat.
 */
export async function sendOutboundMessages(
  deps: AcceptDeps,
  act: Act & { signal: AbortSignal },
  command: SendCommand,
): Promise<Answer> {
  const { key, requestHash } = command;
  try {
    return await acceptOnce(deps, act, command);
  } catch (error) {
    const earlier = await deps.database.read(key.org, (tx) => findAnswer(tx, key, requestHash));
    if (earlier) return { response: earlier, isRepeat: true };
    throw error;
  }
}

async function acceptOnce(deps: AcceptDeps, act: Act & { signal: AbortSignal }, command: SendCommand): Promise<Answer> {
  const { org } = command.key;
  const configuration = await deps.configurations.resolve(org, command.configurationId, act.signal);
  refuseTooMany(command, configuration);
  act.signal.throwIfAborted();
  const accepted = await deps.database.transaction(org, (tx) => accept(tx, deps, { act, command, configuration }));
  const { planned, response } = accepted;
  if (!planned) return { response, isRepeat: true };
  await failpoint('submit.after_commit');
  deps.onPlanned(countKinds(planned));
  return { response, isRepeat: false };
}

interface Accepting {
  act: Act;
  command: SendCommand;
  configuration: ResolvedConfiguration;
}

/**
 * Plans the contacts and stores all of it; of a repeat nothing is planned. Throws, so that nothing is stored, when another
 * call holds the request id. The time of acceptance is the ledger's, so that no replica's own clock decides when a message
 * is ready or expires.
 *
 * What need not wait for each other's answers is asked in one go: a hundred contacts take five round trips and not fifteen.
 */
async function accept(
  tx: Tx,
  deps: AcceptDeps,
  { act, command, configuration }: Accepting,
): Promise<{ planned?: readonly PlannedContact[]; response: Buffer }> {
  const { key, requestHash, part } = command;
  const { requestsPerHourMax, spreadSenders } = configuration;
  const [earlier, createdAt] = await Promise.all([
    findAnswer(tx, key, requestHash),
    admit(tx, key.org, requestsPerHourMax),
  ]);
  if (earlier) return { response: earlier };
  const planned = planContacts(command.contacts, configuration, deps.newId, await part?.known(tx));
  const request = requestOf(deps.newId(), { command, configuration }, { createdAt, planned });
  const response = deps.encode({ request, planned });
  const [isOurs, events] = await Promise.all([
    claimRequestId(tx, key, { requestHash, response }),
    store(tx, deps, { request, planned, readyAt: command.readyAt ?? createdAt, spreadSenders }),
  ]);
  if (!isOurs) throw requestIdTaken();
  await part?.add(
    tx,
    planned.filter(({ kind }) => kind === 'accepted').map(({ index }) => index),
  );
  // From here on the organisation's requests follow one another: its log first, and last the quota, as short as can be.
  await Promise.all([
    appendOutbox(tx, events),
    auditAcceptance(tx, act, { request, planned }),
    spendQuota(tx, request.org, requestsPerHourMax),
  ]);
  await failpoint('submit.before_commit');
  return { planned, response };
}

function countKinds(planned: readonly PlannedContact[]): Record<PlannedContact['kind'], number> {
  const counts = { accepted: 0, refused: 0, skipped: 0 };
  for (const { kind } of planned) counts[kind] += 1;
  return counts;
}

function refuseTooMany(command: SendCommand, configuration: ResolvedConfiguration): void {
  const contactsPerRequestMax = command.part?.contactsMax ?? configuration.contactsPerRequestMax;
  if (command.contacts.length <= contactsPerRequestMax) return;
  const description = `${command.contacts.length} contacts; at most ${contactsPerRequestMax} fit in a request. Split the list.`;
  throw new HeraldError('TOO_MANY_CONTACTS', description, {
    metadata: { contacts: String(command.contacts.length), contactsMax: String(contactsPerRequestMax) },
    violations: [{ field: 'contacts', description }],
  });
}

function requestOf(
  id: string,
  { command, configuration }: Omit<Accepting, 'act'>,
  { createdAt, planned }: { createdAt: Date; planned: readonly PlannedContact[] },
): NewRequest {
  const refusedByReason: Record<string, number> = {};
  for (const contact of planned) {
    if (contact.kind === 'refused') refusedByReason[contact.reason] = (refusedByReason[contact.reason] ?? 0) + 1;
  }
  const validForMs = command.validForMs ?? configuration.validForMs ?? VALID_FOR_DEFAULT_MS;
  return {
    org: command.key.org,
    id,
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
    // A time to be ready that has passed means now, and its messages are valid from now on.
    expiresAt: new Date(Math.max(createdAt.getTime(), command.readyAt?.getTime() ?? 0) + validForMs),
  };
}

/** Writes the request and its messages as one batch; returns the batch's announcement, if there is a batch. */
async function store(
  tx: Tx,
  deps: AcceptDeps,
  { request, planned, readyAt, spreadSenders }: Acceptance & { readyAt: Date; spreadSenders: boolean },
): Promise<OutboxEvent[]> {
  const skipped = planned.filter((contact): contact is SkippedContact => contact.kind === 'skipped');
  const accepted = planned.filter((contact): contact is AcceptedContact => contact.kind === 'accepted');
  const { org, channelId } = request;
  const ready = { id: deps.newId(), priority: 0, readyAt };
  const shards = shardsFor(deps, { org, channelId, spreadSenders });
  const batch = { ...ready, ...shards, traceparent: deps.currentTraceparent() };
  const [shard] = await Promise.all([
    accepted.length > 0 ? insertBatch(tx, request, batch, accepted) : undefined,
    insertRequest(tx, request),
    insertSkipped(tx, request, skipped),
  ]);
  return shard === undefined ? [] : [batchReady({ ...ready, org, channelId, shard }, deps)];
}
