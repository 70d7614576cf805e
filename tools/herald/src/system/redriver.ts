import { setTimeout as pause } from 'node:timers/promises';
import type { Bus } from '@herald/bus';
import type { Database } from '@herald/postgres';
import type { Running } from '@herald/service';
import { logger } from '@herald/telemetry';
import { deleteMarked, markedRecords, type MarkedRecord } from './dead-letter-table';

const log = logger('bus');
const LOOK_EVERY_MS = 1_000;
/** Records on their way at once. */
const RECORDS_AT_ONCE = 100;

/**
 * Publishes again what an operator has marked, and deletes the letters once every group has handled the record or given it
 * up anew, which writes another letter. Looking, publishing, deleting, and so on until it is stopped. A crash after
 * publishing brings the record again, which every handler bears. It starts when all groups have subscribed: one that had
 * not would never see the record.
 */
export function startRedriver(bus: Pick<Bus, 'publish'>, database: Pick<Database, 'worker'>): Running {
  const stopping = new AbortController();
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const isMore = await round(bus, database).catch((error: unknown) => {
        log.warn('The dead letters to be redriven could not be read.', { error });
        return false;
      });
      if (!isMore) await pause(LOOK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const ended = loop();
  return {
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

/** Whether it did all that it found, and there may be more. */
async function round(bus: Pick<Bus, 'publish'>, database: Pick<Database, 'worker'>): Promise<boolean> {
  const marked = await markedRecords(database, RECORDS_AT_ONCE);
  const again = async (each: MarkedRecord): Promise<boolean> => {
    try {
      await bus.publish([each.letter.record]);
      await deleteMarked(database, each);
      return true;
    } catch (error) {
      log.warn('A dead letter could not be redriven, and stays marked.', { topic: each.letter.record.topic, error });
      return false;
    }
  };
  const done = await Promise.all(marked.map(again));
  return done.length === RECORDS_AT_ONCE && done.every(Boolean);
}
