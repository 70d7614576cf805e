import type { Running } from '@herald/service';
import { repeat } from '../repeat';
import { dropMonths, type DropDeps } from './drop-months';
import { keepHouse } from './housekeeping';

const EVERY_MS = 60_000;

/**
 * Keeps the schema in order, once a minute: the months to come, what is past its time, and months that are kept no longer.
 * Any number of instances may do so. Dropping a month takes as long as counting it and is a loop of its own, so that
 * nothing waits for it; a stop waits for what is under way.
 */
export function startUpkeep(deps: DropDeps & { onError(error: unknown): void }): Running {
  const stopping = new AbortController();
  const often = { everyMs: EVERY_MS, stopping: stopping.signal, onError: deps.onError };
  const loops = [repeat(() => keepHouse(deps.database), often), repeat(() => dropMonths(deps), often)];
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}
