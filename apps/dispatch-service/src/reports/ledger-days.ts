import { sql, type Tx } from '@herald/postgres';

/** A day of the ledger, in UTC, whose contacts are not the sum of its states. */
export interface UnequalDay {
  day: string;
  contacts: number;
  messages: number;
}

const DAYS_NAMED_MAX = 20;

/** Compares the contacts of months that are gone with their states, day by day; nothing when all are equal. */
export function unequalDays(tx: Tx, orgs: readonly string[]): Promise<UnequalDay[]> {
  return sql<UnequalDay>(
    tx,
    `select day::text, coalesce(asked.contacts, 0)::float8 as contacts, coalesce(came.messages, 0)::float8 as messages
       from (select org_id, day, sum(contacts) as contacts from ledger_day_request
              where org_id = any($1::uuid[]) group by org_id, day) as asked
       full join (select org_id, day, sum(messages) as messages from ledger_day
                   where org_id = any($1::uuid[]) group by org_id, day) as came using (org_id, day)
      where asked.contacts is distinct from came.messages
      order by day
      limit $2`,
    [orgs, DAYS_NAMED_MAX],
  );
}
