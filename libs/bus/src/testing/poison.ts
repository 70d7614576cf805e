import { BatchReady, ProviderCallback, ProviderCallbacks } from '@herald/contracts/event';
import type { BusRecord } from '../bus';

const TYPE = 'herald.event.v1.ProviderCallbacks';
/** A field of 200 bytes, of which there is one. */
const TRUNCATED = new Uint8Array([10, 200, 1, 65]);

/** What is good about a callback but its organisation, for which the handler has no answer. */
const THROWS_FOR = 'an organisation that the handler stumbles on';

/** Records of one key with three kinds of poison between good ones, and a handler that meets them as a service would. */
export interface Poisoned {
  records: readonly BusRecord[];
  good: readonly BusRecord[];
  /** By id, with the reason that its letter gives. */
  poison: Readonly<Record<string, string>>;
  handler(records: readonly BusRecord[]): void;
}

/** Makes bytes that are no event, an event of another type, and one that the handler throws for, each between neighbours. */
export function poisoned(record: (name: string, more: Partial<BusRecord>) => BusRecord): Poisoned {
  const callback = (name: string, orgId = 'acme') =>
    record(name, {
      type: TYPE,
      payload: ProviderCallbacks.encode({ callbacks: [ProviderCallback.create({ orgId })] }).finish(),
    });
  const good = ['first', 'second', 'third', 'last'].map((name) => callback(name));
  const bytes = record('bad-bytes', { type: TYPE, payload: TRUNCATED });
  const type = record('wrong-type', {
    type: 'herald.event.v1.BatchReady',
    payload: BatchReady.encode(BatchReady.create({ orgId: 'acme' })).finish(),
  });
  const throws = callback('throws', THROWS_FOR);
  const between = [bytes, type, throws];
  return {
    good,
    records: good.flatMap((each, at) => [each, ...between.slice(at, at + 1)]),
    poison: { [bytes.id]: 'RangeError', [type.id]: 'TypeError', [throws.id]: 'SyntaxError' },
    handler: handleCallbacks,
  };
}

function handleCallbacks(records: readonly BusRecord[]): void {
  for (const { type, payload } of records) {
    if (type !== TYPE) throw new TypeError('The handler knows one type.');
    const [callback] = ProviderCallbacks.decode(payload).callbacks;
    if (callback?.orgId === THROWS_FOR) throw new SyntaxError('The handler has a fault.');
  }
}
