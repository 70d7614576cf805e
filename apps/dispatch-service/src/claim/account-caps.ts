import { execute, single, sql, type Tx } from '@herald/postgres';

/** What an account of a provider may send, over all its senders; 0 is no limit, and one of the two is set. */
export interface AccountCaps {
  channelAccountId: string;
  segmentsPerSecond: number;
  /** Messages in any 24 hours. */
  messagesPerDay: number;
}

/** Whose claim it is; without caps nothing is read or locked. */
interface Capped {
  org: string;
  caps?: AccountCaps | undefined;
}

/** When the account lets a claim's messages go, and how many at most; or when to ask again. */
export type AccountTurn = { kind: 'turn'; startsInMs: number; messagesMax: number } | { kind: 'wait'; ms: number };

/**
 * A claim through an account with a pace takes so much at once. Slices of several senders are on their way side by side,
 * and each lasts no longer than this: so they exceed the account's pace over any second by a tenth at most.
 */
const CAPPED_CLAIM_SECONDS = 0.1;
/**
 * Turns at an account are given so far ahead, so that its senders stand in line and do not all come back at the moment
 * it is free. It leaves a slice three seconds of its window.
 */
const ACCOUNT_AHEAD_MS = 2_000;

/** How many segments a claim may take: what the sender sends in so many seconds, less where its account has a pace. */
export function segmentsOfClaim(
  { segmentsPerSecond, caps }: { segmentsPerSecond: number; caps?: AccountCaps | undefined },
  seconds: number,
): number {
  if (!caps || caps.segmentsPerSecond === 0) return segmentsPerSecond * seconds;
  return Math.min(segmentsPerSecond, caps.segmentsPerSecond) * CAPPED_CLAIM_SECONDS;
}

/**
 * Locks the account's row, after batches and sender, which makes claims of all its senders take turns. The messages go
 * when both the sender and the account are free; then the account is paid from then on too, so that nothing that was
 * paid for early is sent late, together with what was paid for after it.
 */
export async function turnAtAccount(tx: Tx, { org, caps }: Capped, senderBusyMs: number): Promise<AccountTurn> {
  if (!caps) return { kind: 'turn', startsInMs: senderBusyMs, messagesMax: Infinity };
  const { busyMs } = single(await lockAccount(tx, [org, caps.channelAccountId]));
  if (busyMs > ACCOUNT_AHEAD_MS) {
    return { kind: 'wait', ms: Math.max(busyMs - ACCOUNT_AHEAD_MS, ACCOUNT_AHEAD_MS / 2) };
  }
  const startsInMs = Math.max(senderBusyMs, busyMs);
  if (caps.messagesPerDay === 0) return { kind: 'turn', startsInMs, messagesMax: Infinity };
  // A statement of its own, so that it sees what those claimed whom the lock waited for.
  const { used, roomInMs } = single(await countDay(tx, [org, caps.channelAccountId]));
  if (used < caps.messagesPerDay) return { kind: 'turn', startsInMs, messagesMax: caps.messagesPerDay - used };
  return { kind: 'wait', ms: roomInMs ?? 0 };
}

/** What a claim takes of an account. */
interface Claimed {
  startsInMs: number;
  segments: number;
  messages: number;
}

/** Writes down what was claimed, under the lock of its turn. What is not sent after all is not given back. */
export async function payAccount(tx: Tx, { org, caps }: Capped, claimed: Claimed): Promise<void> {
  if (!caps || claimed.messages === 0) return;
  const { channelAccountId, segmentsPerSecond, messagesPerDay } = caps;
  if (segmentsPerSecond > 0) {
    await payPace(tx, [org, channelAccountId, claimed.startsInMs / 1000, claimed.segments / segmentsPerSecond]);
  }
  if (messagesPerDay > 0) await addToHour(tx, [org, channelAccountId, claimed.messages]);
}

/** Removes hours that count no more. */
export function removeAccountHours(tx: Tx, rowsMax: number): Promise<number> {
  return execute(
    tx,
    `delete from account_hour
      where (org_id, channel_account_id, hour) in (
            select org_id, channel_account_id, hour from account_hour
             where hour < (select ledger_now()) - interval '26 hours' limit $1)`,
    [rowsMax],
  );
}

// From the beginning of the transaction on, as a slice counts its start: locks may have been waited for.
const lockAccount = sql.prepared<{ busyMs: number }>(
  'account_lock',
  `insert into account_pace (org_id, channel_account_id, paid_until)
   values ($1, $2, clock_timestamp())
   on conflict (org_id, channel_account_id)
      do update set paid_until = greatest(account_pace.paid_until, clock_timestamp())
   returning greatest(0, extract(epoch from paid_until - now()) * 1000)::float8 as "busyMs"`,
);

const payPace = sql.prepared(
  'account_pay',
  `update account_pace
      set paid_until = greatest(paid_until, clock_timestamp(), now() + make_interval(secs => $3))
                       + make_interval(secs => $4)
    where org_id = $1 and channel_account_id = $2`,
);

// An hour counts until the whole of it is older than a day; the minute is for what is claimed at its end, which goes to
// a socket 5 s later at most, and for clocks of database servers that follow one another.
const countDay = sql.prepared<{ used: number; roomInMs: number | null }>(
  'account_day',
  `select coalesce(sum(messages), 0)::float8 as used,
          (extract(epoch from min(hour) + interval '25 hours 1 minute' - ledger_now()) * 1000)::float8 as "roomInMs"
     from account_hour
    where org_id = $1 and channel_account_id = $2
      and hour > (select ledger_now()) - interval '25 hours 1 minute'`,
);

const addToHour = sql.prepared(
  'account_hour_add',
  `insert into account_hour (org_id, channel_account_id, hour, messages)
   values ($1, $2, date_trunc('hour', ledger_now(), 'UTC'), $3)
   on conflict (org_id, channel_account_id, hour) do update set messages = account_hour.messages + excluded.messages`,
);
