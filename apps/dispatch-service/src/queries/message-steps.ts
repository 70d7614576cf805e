import {
  MessageState,
  MessageStep,
  MessageStep_Source,
  type ListMessageStepsRequest,
  type ListMessageStepsResponse,
} from '@herald/contracts/dispatch';
import { notFound } from '@herald/errors';
import { cutPage, maybe, readPage, sql, type Database, type Tx } from '@herald/postgres';

const PAGE_SIZES = { byDefault: 50, max: 200 };
/** The contract's names carry these prefixes; the ledger's do not. */
const STATE_PREFIX = 'MESSAGE_STATE_';
const SOURCE_PREFIX = 'SOURCE_';

interface StepRow {
  id: string;
  attempt: number;
  state: string;
  reason: string;
  providerErrorCode: string;
  providerMessageId: string;
  source: string;
  saidBy: string;
  evidence: string;
  contradicts: boolean;
  time: Date;
}

/**
 * A page of a message's history, the oldest step first. Its acceptance comes before the first step and its cancellation
 * after the last: both are derived from where they stand, and count for no page's size. Throws MESSAGE_NOT_FOUND.
 */
export async function listMessageSteps(
  database: Database,
  org: string,
  request: ListMessageStepsRequest,
): Promise<ListMessageStepsResponse> {
  const page = readPage(request, PAGE_SIZES);
  return database.read(org, async (tx) => {
    const message = await readEnds(tx, org, request.messageId);
    const found = await sql<StepRow>(
      tx,
      `select id, attempt, state, coalesce(reason, '') as reason, coalesce(provider_code, '') as "providerErrorCode",
              coalesce(provider_id, '') as "providerMessageId", source, coalesce(said_by, '') as "saidBy",
              coalesce(evidence, '') as evidence, contradicts, at as time
         from message_step
        where org_id = $1 and message_id = $2 and ($3::uuid is null or id > $3)
        order by id
        limit $4`,
      [org, request.messageId, page.after, page.size + 1],
    );
    const { rows, nextPageToken } = cutPage(found, page);
    const isFirst = page.after === null;
    const isLast = nextPageToken === '';
    const steps = [
      ...(isFirst ? [derived(message.skipReason === null ? 'QUEUED' : 'SKIPPED', message.createdAt, message)] : []),
      ...rows.map(writeStep),
      ...(isLast && message.cancelledAt ? [derived('CANCELLED', message.cancelledAt, message)] : []),
    ];
    return { steps, nextPageToken };
  });
}

interface Ends {
  skipReason: string | null;
  createdAt: Date;
  cancelledAt: Date | null;
  attempt: number;
}

async function readEnds(tx: Tx, org: string, messageId: string): Promise<Ends> {
  const rows = await sql<Ends>(
    tx,
    `select m.skip_reason as "skipReason", m.created_at as "createdAt", m.attempt,
            case when s.state = 'CANCELLED' then b.cancelled_at end as "cancelledAt"
       from message m
       join message_state s on s.org_id = m.org_id and s.id = m.id
       left join batch b on b.org_id = m.org_id and b.id = m.batch_id
      where m.org_id = $1 and m.id = $2`,
    [org, messageId],
  );
  const ends = maybe(rows);
  if (!ends) throw notFound('MESSAGE_NOT_FOUND', 'message', messageId);
  return ends;
}

function derived(state: 'QUEUED' | 'SKIPPED' | 'CANCELLED', time: Date, { attempt, skipReason }: Ends): MessageStep {
  return MessageStep.fromPartial({
    attempt: state === 'CANCELLED' ? attempt : 1,
    state: MessageState[state],
    reason: state === 'SKIPPED' ? (skipReason ?? '') : '',
    source: MessageStep_Source.CALL,
    time,
  });
}

function writeStep({ state, source, ...row }: StepRow): MessageStep {
  return {
    ...row,
    state: `${STATE_PREFIX}${state}` as MessageState,
    source: `${SOURCE_PREFIX}${source}` as MessageStep_Source,
  };
}
