import fc from 'fast-check';
import { fairQueue, type Asking } from './fair-queue';

const QUANTUM = 100;
const laneOf = (org: string, sender = 0): Asking => ({ org, key: `${org}/${sender}` });

/** Takes turns for lanes that always want the next one, and counts what each organisation got. */
const serve = (lanes: readonly Asking[], turns: number, costOf: (lane: Asking) => number, weights = {}) => {
  const weightOf = (org: string) => new Map(Object.entries<number>(weights)).get(org) ?? 1;
  const queue = fairQueue<Asking>({ quantum: QUANTUM, weightOf });
  for (const lane of lanes) queue.ask(lane);
  const got = new Map<string, number>();
  for (let turn = 0; turn < turns; turn += 1) {
    const lane = queue.next();
    if (!lane) break;
    const cost = costOf(lane);
    got.set(lane.org, (got.get(lane.org) ?? 0) + cost);
    queue.settle(lane, cost);
    queue.ask(lane);
  }
  return got;
};

describe('fairQueue', () => {
  it('P12: gives organisations that always wait the same, whatever a turn costs and however many senders each has', () => {
    const org = fc.record({ senders: fc.integer({ min: 1, max: 8 }), cost: fc.integer({ min: 1, max: QUANTUM }) });
    fc.assert(
      fc.property(fc.array(org, { minLength: 2, maxLength: 6 }), (orgs) => {
        const lanes = orgs.flatMap(({ senders }, index) =>
          Array.from({ length: senders }, (_, sender) => laneOf(`org-${index}`, sender)),
        );
        const got = serve(lanes, 1_000, (lane) => orgs[Number(lane.org.slice(4))]?.cost ?? 1);
        const shares = orgs.map((_, index) => got.get(`org-${index}`) ?? 0);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(3 * QUANTUM);
      }),
      { numRuns: 50 },
    );
  });

  it('shares by weight', () => {
    const got = serve([laneOf('one'), laneOf('three')], 4_000, () => 50, { three: 3 });
    const ratio = (got.get('three') ?? 0) / (got.get('one') ?? 1);
    expect(ratio).toBeGreaterThan(2.9);
    expect(ratio).toBeLessThan(3.1);
  });

  it('shares the turns of an organisation among its senders by what they cost', () => {
    const queue = fairQueue<Asking>({ quantum: QUANTUM });
    const [dear, cheap] = [laneOf('org', 0), laneOf('org', 1)];
    const got = new Map([
      [dear, 0],
      [cheap, 0],
    ]);
    for (const lane of [dear, cheap]) queue.ask(lane);
    for (let turn = 0; turn < 1_000; turn += 1) {
      const lane = queue.next();
      if (!lane) throw new Error('lanes wait, and none has its turn');
      const cost = lane === dear ? 100 : 10;
      got.set(lane, (got.get(lane) ?? 0) + cost);
      queue.settle(lane, cost);
      queue.ask(lane);
    }
    expect(Math.abs((got.get(dear) ?? 0) - (got.get(cheap) ?? 0))).toBeLessThanOrEqual(3 * QUANTUM);
  });

  it('P12: gives a lane that was idle the next turn, however many are busy', () => {
    const queue = fairQueue<Asking>({ quantum: QUANTUM });
    const busy = Array.from({ length: 200 }, (_, index) => laneOf(`busy-${index}`));
    for (const lane of busy) queue.ask(lane);
    for (let turn = 0; turn < 1_000; turn += 1) {
      const lane = queue.next();
      if (!lane) throw new Error('lanes wait, and none has its turn');
      queue.settle(lane, QUANTUM);
      queue.ask(lane);
    }
    const small = laneOf('small');
    queue.ask(small);
    expect(queue.next()).toBe(small);
  });

  it('P12: makes one that asks again and again wait its round, so that it is not always new', () => {
    const lanes = [laneOf('eager'), laneOf('steady'), laneOf('steady', 1)];
    const got = serve(lanes, 2_000, () => QUANTUM);
    expect(Math.abs((got.get('eager') ?? 0) - (got.get('steady') ?? 0))).toBeLessThanOrEqual(3 * QUANTUM);
  });

  it('gives each lane that asked exactly one turn, in whatever order asking, turns and ends come', () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('ask' as const), org: fc.integer({ max: 4, min: 0 }), sender: fc.nat(3) }),
      fc.record({ kind: fc.constant('next' as const) }),
      fc.record({ kind: fc.constant('settle' as const), cost: fc.nat(3 * QUANTUM) }),
    );
    fc.assert(
      fc.property(fc.array(act, { maxLength: 200 }), (acts) => {
        const queue = fairQueue<Asking>({ quantum: QUANTUM });
        const asking = new Set<string>();
        const having: Asking[] = [];
        const takeNext = () => {
          const lane = queue.next();
          expect(lane !== undefined).toBe(asking.size > 0);
          if (!lane) return;
          expect(asking.delete(lane.key)).toBe(true);
          having.push(lane);
        };
        for (const each of acts) {
          if (each.kind === 'next') takeNext();
          else if (each.kind === 'ask') {
            const lane = laneOf(`org-${each.org}`, each.sender);
            queue.ask(lane);
            asking.add(lane.key);
          } else {
            const lane = having.shift();
            if (lane) queue.settle(lane, each.cost);
          }
        }
        while (asking.size > 0) takeNext();
        expect(queue.next()).toBeUndefined();
      }),
    );
  });

  it('lets nobody save up credit while it is idle', () => {
    const queue = fairQueue<Asking>({ quantum: QUANTUM });
    const [saver, other] = [laneOf('saver'), laneOf('other')];
    for (let round = 0; round < 50; round += 1) {
      queue.ask(saver);
      queue.settle(queue.next() ?? saver, 1);
    }
    const got = new Map([
      [saver, 0],
      [other, 0],
    ]);
    for (const lane of [saver, other]) queue.ask(lane);
    for (let turn = 0; turn < 20; turn += 1) {
      const lane = queue.next() ?? saver;
      got.set(lane, (got.get(lane) ?? 0) + 1);
      queue.settle(lane, QUANTUM);
      queue.ask(lane);
    }
    expect(got.get(saver)).toBe(10);
  });
});
