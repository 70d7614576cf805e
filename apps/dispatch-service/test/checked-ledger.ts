import type { SendOutcome } from '@herald/channels';
import { lookAfter, type CheckerDeps, type Visits } from '../src/delivery/outcome-checker';
import { recordOutcomes } from '../src/record/record-outcomes';
import type { Senders } from '../src/send/senders';
import { usable } from './instance';
import { deps, SHARD, type RequestChoice, type StoredRequest, type TestLedger } from './ledger';
import { ProviderWithAList } from './provider-with-a-list';

export const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'CONNECTION_RESET' };
export const DAY_SECONDS = 24 * 3_600;

/** A checker over a ledger and before a provider's list, with the acts that its specs begin with. */
export function checkedLedger(ledger: TestLedger) {
  const provider = new ProviderWithAList();
  const errors: unknown[] = [];
  const checker = (find: Senders['find'] = async () => usable()): CheckerDeps => ({
    ...{ ...deps, database: ledger.database, leases: { shards: () => [SHARD] }, senders: { find } },
    ...{ channel: provider, monotonicMs: () => performance.now(), lookUpAfterMs: 295_000 },
    ...{ onError: (error: unknown) => void errors.push(error), onAnswer: () => {} },
  });
  const { signal } = new AbortController();
  const look = async (of = checker()) => {
    const visits: Visits = new Map();
    const due = await lookAfter({ ...of, signal, visits });
    await Promise.all(visits.values());
    return due;
  };
  /** A request whose sends all came to the outcome. */
  const sent = async (outcome: (index: number) => SendOutcome, choice: RequestChoice = {}) => {
    const request = await ledger.accept({ messages: 1, ...choice });
    await send(request, outcome);
    return request;
  };
  const send = async (request: StoredRequest, outcome: (index: number) => SendOutcome) => {
    const slice = await ledger.claim(request, await ledger.lease());
    const outcomes = slice.messages.map((message, index) => ({ slice, message, outcome: outcome(index) }));
    await ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices: [slice] }));
  };
  const accepted = (index: number): SendOutcome => ({
    ...{ kind: 'accepted', providerId: `SM${index}`, status: 'queued', rank: 20 },
  });
  /** Lets so much time pass for a request's messages, and its batches be due. */
  const pass = async (request: StoredRequest, seconds: number) => {
    await ledger.asOwner(
      `update message set outcome_at = outcome_at - make_interval(secs => $2), updated_at = updated_at - make_interval(secs => $2)
        where outbound_request_id = $1`,
      [request.id, seconds],
    );
    await ledger.asOwner(
      `update batch set checked_at = checked_at - make_interval(secs => $2),
              check_at = case when check_at is not null then clock_timestamp() end
        where channel_id = $1`,
      [request.channelId, seconds],
    );
  };
  const rows = (request: StoredRequest) =>
    ledger.asOwner(
      `select attempt, rank, reason, provider_code as "providerCode", provider_id as "providerId"
         from message where outbound_request_id = $1 order by contact_index`,
      [request.id],
    );
  /** To ten seconds: what a spec takes itself is to make no difference. */
  const dueInSeconds = async (request: StoredRequest) => {
    const [row] = await ledger.asOwner<{ seconds: number | null }>(
      `select (round(extract(epoch from check_at - clock_timestamp()) / 10) * 10)::int as seconds from batch where id = $1`,
      [request.batchId],
    );
    return row?.seconds;
  };
  return { provider, errors, signal, checker, look, sent, send, accepted, pass, rows, dueInSeconds };
}
