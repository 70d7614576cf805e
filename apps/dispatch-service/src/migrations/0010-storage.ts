import { storedPartitionFunction, type Migration } from '@herald/postgres';

/**
 * Room on each page for the row's next versions. A message is written once, and then changed once for its outcome and once
 * or twice for its callbacks; none of these changes a column of an index, so that with room on its page the new version
 * needs no entry in any. A version with an outcome is a third longer than the first: with half of the page free, a quarter of
 * them found no room. WAL of an outcome fell by a third; what waits takes two and a half times the pages, what was sent the same.
 */
export const storage: Migration = {
  name: '0010-storage',
  up: `
${storedPartitionFunction}
do $$
declare
  partition regclass;
begin
  for partition in select inhrelid::regclass from pg_inherits where inhparent = 'message'::regclass loop
    execute format('alter table %s set (fillfactor = 40)', partition);
  end loop;
end $$;
`,
};
