import { departuresOfSenders, makeDepartures, type Departing } from './departures';
import { makePlaces, type Place } from './places';

const ACCOUNT = 'account';

/** Time that stands still until the spec moves it, timers and all. */
const setUp = (segmentsPerSecond: number, placesMax = 100) => {
  const places = makePlaces(placesMax);
  const departures = makeDepartures(places, () => jest.now(), segmentsPerSecond);
  const left: { name: string; atMs: number }[] = [];
  const inside: Place[] = [];
  const send = (name: string, message: Partial<Departing> = {}) => {
    const departing = { accountId: ACCOUNT, segments: 1, turnMs: 0, isReply: false, ...message };
    void departures.turn(departing).then((place) => {
      left.push({ name, atMs: jest.now() });
      inside.push(place);
    });
  };
  return { places, departures, left, inside, send, names: () => left.map(({ name }) => name) };
};

describe('makeDepartures', () => {
  beforeEach(() => jest.useFakeTimers({ now: 0, doNotFake: ['queueMicrotask'] }));
  afterEach(() => jest.useRealTimers());
  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  it('P13: lets no message go before its turn', async () => {
    const { send, left } = setUp(10);
    for (const [index, turnMs] of [0, 100, 200, 300].entries()) send(String(index), { turnMs });
    await pass(1_000);
    expect(left.map(({ atMs }) => atMs)).toEqual([0, 100, 200, 300]);
  });

  it('P13: spreads at the pace what could not go when its turn was, and makes nothing up', async () => {
    const { send, left, inside, places } = setUp(10, 1);
    const held = places.tryEnter(ACCOUNT);
    for (const [index, turnMs] of [0, 100, 200, 300].entries()) send(String(index), { turnMs });
    await pass(2_000);
    expect(left).toEqual([]);
    held?.leave('other');
    for (let sent = 0; sent < 3; sent += 1) {
      await pass(90);
      inside.shift()?.leave('other');
    }
    await pass(200);
    const times = left.map(({ atMs }) => atMs);
    expect(times).toHaveLength(4);
    expect(Math.min(...times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0)))).toBeGreaterThanOrEqual(50);
    expect((times[3] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(250);
  });

  it('lets a reply go first whose turn has come, also before what stood in line already', async () => {
    const { send, inside, names } = setUp(1_000_000, 1);
    send('first');
    await pass(1);
    send('bulk');
    await pass(1);
    send('reply', { isReply: true });
    inside.shift()?.leave('other');
    await pass(1);
    inside.shift()?.leave('other');
    await pass(1);
    expect(names()).toEqual(['first', 'reply', 'bulk']);
  });

  it('has no room while messages stand in line or hundreds wait, and calls when it has', async () => {
    const { departures, send, inside } = setUp(1_000_000, 1);
    send('inside');
    await pass(1);
    expect(departures.hasRoom()).toBe(true);
    send('in line');
    await pass(1);
    expect(departures.hasRoom()).toBe(false);
    const called = jest.fn();
    departures.onRoom(called);
    expect(called).not.toHaveBeenCalled();
    inside.shift()?.leave('other');
    await pass(1);
    expect(called).toHaveBeenCalledTimes(1);
    for (let waiting = 0; waiting <= 400; waiting += 1) send('later', { turnMs: 60_000 });
    expect(departures.hasRoom()).toBe(false);
  });

  it('knows how long what waits takes', async () => {
    const { departures, send } = setUp(10);
    for (const turnMs of [0, 200, 400]) send('message', { turnMs, segments: 2 });
    expect(departures.backlogMs()).toBe(600);
    await pass(250);
    expect(departures.backlogMs()).toBe(350);
    departures.setRate(20);
    expect(departures.backlogMs()).toBe(250);
  });
});

describe('departuresOfSenders', () => {
  it('P13: gives all lanes of a sender one pace, for as long as one of them uses it', () => {
    const senders = departuresOfSenders(makePlaces(1), () => 0);
    const one = senders.use('sender', 10);
    const two = senders.use('sender', 10);
    expect(two.departures).toBe(one.departures);
    expect(senders.use('another', 10).departures).not.toBe(one.departures);
    one.end();
    expect(senders.use('sender', 10).departures).toBe(two.departures);
  });
});
