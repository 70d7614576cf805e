import { beginTurn } from './turn';

describe('a turn', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());
  const never = new AbortController().signal;

  it('sends heartbeats for as long as it lasts, however long the batch takes', async () => {
    let beats = 0;
    const turn = beginTurn(async () => void (beats += 1), never);
    await jest.advanceTimersByTimeAsync(60_000);
    turn.end();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(beats).toBe(20);
  });

  it('is over when the group says that it rebalances, with what it said', async () => {
    const rebalancing = new Error('REBALANCE_IN_PROGRESS');
    const turn = beginTurn(() => Promise.reject(rebalancing), never);
    await jest.advanceTimersByTimeAsync(3_000);
    turn.end();
    expect(turn.signal.reason).toBe(rebalancing);
  });

  it('is over when the bus stops', () => {
    const stopping = new AbortController();
    const turn = beginTurn(async () => undefined, stopping.signal);
    stopping.abort();
    turn.end();
    expect(turn.signal.aborted).toBe(true);
  });

  it('waits for a heartbeat before it sends the next', async () => {
    let beats = 0;
    const turn = beginTurn(() => {
      beats += 1;
      return new Promise(() => undefined);
    }, never);
    await jest.advanceTimersByTimeAsync(60_000);
    turn.end();
    expect(beats).toBe(1);
  });
});
