import type { KeptLetter } from '@herald/bus';
import * as events from '@herald/contracts/event';

/** A letter in a list: without its record's payload. */
export function listedLetter({ record, group, reason, tries, deadAt }: KeptLetter) {
  return {
    id: record.id,
    topic: record.topic,
    group,
    type: record.type,
    reason,
    tries,
    deadTime: deadAt.toISOString(),
  };
}

/** A record, as JSON names its fields, and the letter of each group that could not handle it. */
export function shownRecord(letters: readonly [KeptLetter, ...KeptLetter[]]): Record<string, unknown> {
  const [{ record }] = letters;
  const { id, topic, partition, key, type, source, time, traceparent, payload } = record;
  return {
    ...{ id, topic, partition, key, type, source, time: time.toISOString(), traceparent },
    ...contentOf(type, payload),
    letters: letters.map(({ group, reason, tries, deadAt }) => ({
      group,
      reason,
      tries,
      deadTime: deadAt.toISOString(),
    })),
  };
}

const PACKAGE = 'herald.event.v1.';

interface Message {
  decode(bytes: Uint8Array): unknown;
  toJSON(message: unknown): unknown;
}

/** The event, or the bytes in base64 where they are none: those are dead letters too. */
function contentOf(type: string, payload: Uint8Array): { event: unknown } | { payload: string } {
  const name = type.startsWith(PACKAGE) ? type.slice(PACKAGE.length) : '';
  const message = Object.hasOwn(events, name) ? (events as Record<string, unknown>)[name] : undefined;
  if (!isMessage(message)) return { payload: Buffer.from(payload).toString('base64') };
  try {
    return { event: message.toJSON(message.decode(payload)) };
  } catch {
    return { payload: Buffer.from(payload).toString('base64') };
  }
}

function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'decode' in value && 'toJSON' in value;
}
