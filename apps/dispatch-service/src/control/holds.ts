import {
  PlaceHoldResponse,
  type Hold,
  type ListHoldsRequest,
  type ListHoldsResponse,
  type PlaceHoldRequest,
} from '@herald/contracts/dispatch';
import { notFound } from '@herald/errors';
import { nameOfCaller } from '@herald/grpc';
import { answerOnce, appendAudit, cutPage, findAnswer, readPage, repeatable } from '@herald/postgres';
import type { Act, Database, Tx } from '@herald/postgres';
import { readRequest } from '../queries/requests';
import {
  findHold,
  insertHold,
  lockHold,
  markReleased,
  readHolds,
  type HoldSubject,
  type StoredHold,
} from './hold-store';
import { auditedHold, readPlaceHold, writeHold } from './hold-wire';

const PAGE_SIZES = { byDefault: 50, max: 200 };

/** What placing and releasing holds needs of the world. */
export interface HoldDeps {
  database: Database;
  newId(): string;
  subjects: HeldElsewhere;
}

/** Looks up what belongs to another service; each throws its NOT_FOUND where the organisation has no such thing. */
export interface HeldElsewhere {
  confirmConfiguration(org: string, id: string, signal: AbortSignal): Promise<void>;
  confirmChannel(org: string, id: string, signal: AbortSignal): Promise<void>;
}

/**
 * Holds what is still queued of a subject, from the next claim on: a claim reads holds in its own transaction, and what
 * was claimed before leaves within its window of 5 s. It locks nothing that a claim takes, so that a stop never waits for
 * what it is to stop. A subject that is not there is refused, because a mistyped id would stop nothing; a hold on the
 * organisation asks nobody, and works whatever else is down.
 */
export async function placeHold(
  deps: HoldDeps,
  act: Act & { signal: AbortSignal },
  request: PlaceHoldRequest,
): Promise<PlaceHoldResponse> {
  const { note, ...subject } = readPlaceHold(request, act.org);
  const { requestId } = request;
  const { key, requestHash } = repeatable(act, 'PlaceHold', { requestId, content: { ...subject, note } });
  const earlier = await deps.database.read(act.org, (tx) => findAnswer(tx, key, requestHash));
  if (earlier) return PlaceHoldResponse.decode(earlier);
  await confirm(deps, act, subject);
  const answer = await answerOnce(deps.database, key, requestHash, async (tx) => {
    const { hold, isNew } = await ensureHold(tx, deps, act, { ...subject, note });
    const change = { subject: { kind: 'hold', id: hold.id }, requestId: key.requestId, after: auditedHold(hold) };
    if (isNew) await appendAudit(tx, act, change);
    return PlaceHoldResponse.encode({ hold: writeHold(hold) }).finish();
  });
  return PlaceHoldResponse.decode(answer);
}

async function confirm(
  { database, subjects }: HoldDeps,
  { org, signal }: Act & { signal: AbortSignal },
  { kind, subjectId }: HoldSubject,
): Promise<void> {
  switch (kind) {
    case 'REQUEST':
      return void (await database.read(org, (tx) => readRequest(tx, org, subjectId)));
    case 'OUTBOUND_CONFIGURATION':
      return subjects.confirmConfiguration(org, subjectId, signal);
    case 'CHANNEL':
      return subjects.confirmChannel(org, subjectId, signal);
    case 'ORGANIZATION':
      return;
  }
}

/** Places a hold, or finds the one that stands on the subject already. */
export async function ensureHold(
  tx: Tx,
  deps: Pick<HoldDeps, 'newId'>,
  { org, caller }: Act,
  wanted: HoldSubject & { note: string },
): Promise<{ hold: StoredHold; isNew: boolean }> {
  for (;;) {
    const placed = await insertHold(tx, { ...wanted, org, id: deps.newId(), createdBy: nameOfCaller(caller) });
    if (placed) return { hold: placed, isNew: true };
    const standing = await findHold(tx, org, wanted.subjectId);
    if (standing) return { hold: standing, isNew: false };
    // It was released between the two statements.
  }
}

/** Lets what a hold keeps go on; a hold that was released stays so. Throws HOLD_NOT_FOUND. */
export async function releaseHold(database: Database, act: Act, holdId: string): Promise<Hold> {
  return database.transaction(act.org, async (tx) => {
    const hold = await lockHold(tx, act.org, holdId);
    if (!hold) throw notFound('HOLD_NOT_FOUND', 'hold', holdId);
    if (hold.releasedAt !== null) return writeHold(hold);
    const released = await markReleased(tx, act.org, hold.id);
    const subject = { kind: 'hold', id: hold.id };
    await appendAudit(tx, act, { subject, before: auditedHold(hold), after: auditedHold(released) });
    return writeHold(released);
  });
}

/** A page of the holds in force, newest first. */
export async function listHolds(
  database: Database,
  org: string,
  request: ListHoldsRequest,
): Promise<ListHoldsResponse> {
  const page = readPage(request, PAGE_SIZES);
  const found = await database.read(org, (tx) => readHolds(tx, org, { after: page.after, limit: page.size + 1 }));
  const { rows, nextPageToken } = cutPage(found, page);
  return { holds: rows.map(writeHold), nextPageToken };
}
