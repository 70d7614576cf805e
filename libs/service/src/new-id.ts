import { v7 } from 'uuid';

/**
 * A new UUIDv7: ids made later in this process sort later, also within a millisecond and when the clock is set back.
 * The package keeps the counter and the newest time; it does so only where no time is given to it.
 */
export function newId(): string {
  return v7();
}
