import { busy } from './database-error';

/** Admits at most as many at once as a pool has connections. */
export interface Gate {
  /** Waits for a place and returns how to leave it; throws DATABASE_BUSY when none is free in time. */
  enter(): Promise<() => void>;
}

/**
 * A queue before a pool, in order of arrival. pg's own bound on the wait for a connection also bounds the making of a
 * connection, which on a busy machine takes longer than a caller should wait in line.
 */
export function gate(places: number, waitMsMax: number): Gate {
  let free = places;
  const line = new Set<() => void>();
  const leave = () => {
    const [next] = line;
    if (next === undefined) free += 1;
    else {
      line.delete(next);
      next();
    }
  };
  const once = () => {
    let isIn = true;
    return () => {
      if (isIn) leave();
      isIn = false;
    };
  };
  return {
    enter: async () => {
      if (free > 0) {
        free -= 1;
        return once();
      }
      await new Promise<void>((admit, refuse) => {
        const timer = setTimeout(() => {
          line.delete(go);
          refuse(busy());
        }, waitMsMax);
        const go = () => {
          clearTimeout(timer);
          admit();
        };
        line.add(go);
      });
      return once();
    },
  };
}
