import { runUntilSignal, startInOrder } from './running';

describe('startInOrder', () => {
  const recorded = () => {
    const stops: string[] = [];
    const part = (name: string) => () => Promise.resolve({ name, stop: () => Promise.resolve(void stops.push(name)) });
    return { stops, part };
  };

  it('stops in the reverse order, once', async () => {
    const { stops, part } = recorded();
    const parts = startInOrder();
    await parts.add(part('first'));
    await parts.add(part('second'));
    await Promise.all([parts.stop(), parts.stop()]);
    await parts.stop();
    expect(stops).toEqual(['second', 'first']);
  });

  it('stops what runs when a later part does not start, and throws why', async () => {
    const { stops, part } = recorded();
    const parts = startInOrder();
    await parts.add(part('first'));
    await expect(parts.add(() => Promise.reject(new Error('no port')))).rejects.toThrow('no port');
    expect(stops).toEqual(['first']);
  });

  it('stops a part that was still starting when the others were stopped, and says so', async () => {
    const { stops, part } = recorded();
    const parts = startInOrder();
    await parts.add(part('first'));
    const started = Promise.withResolvers<{ stop(): Promise<void> }>();
    const adding = parts.add(() => started.promise);
    await parts.stop();
    started.resolve(await part('late')());
    await expect(adding).rejects.toThrow('stopped while it started');
    expect(stops).toEqual(['first', 'late']);
  });

  it('stops all parts though one of them fails to, and tells of it', async () => {
    const { stops, part } = recorded();
    const parts = startInOrder();
    await parts.add(part('first'));
    await parts.add(() => Promise.resolve({ stop: () => Promise.reject(new Error('stuck')) }));
    await parts.add(part('third'));
    await expect(parts.stop()).rejects.toThrow('stuck');
    expect(stops).toEqual(['third', 'first']);
  });

  it('waits 30 s for a part that does not stop, then goes on to the next and tells of it', async () => {
    jest.useFakeTimers();
    try {
      const { stops, part } = recorded();
      const parts = startInOrder();
      await parts.add(part('first'));
      await parts.add(() => Promise.resolve({ stop: () => new Promise<void>(() => undefined) }));
      const stopping = expect(parts.stop()).rejects.toThrow('a part did not stop within 30 s');
      await jest.advanceTimersByTimeAsync(29_999);
      expect(stops).toEqual([]);
      await jest.advanceTimersByTimeAsync(1);
      await stopping;
      expect(stops).toEqual(['first']);
    } finally {
      jest.useRealTimers();
    }
  });
});

describe('runUntilSignal', () => {
  const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
  const known = SIGNALS.map((signal) => process.listeners(signal));
  const exit = jest.spyOn(process, 'exit');

  beforeEach(() => exit.mockReset().mockReturnValue(undefined as never));
  afterEach(() => {
    for (const [index, signal] of SIGNALS.entries()) {
      process.removeAllListeners(signal);
      for (const listener of known[index] ?? []) process.on(signal, listener);
    }
  });
  afterAll(() => exit.mockRestore());

  it.each(SIGNALS)('stops once at %s, and only then', async (signal) => {
    let stops = 0;
    const running = runUntilSignal({ stop: () => Promise.resolve(void stops++) });
    await Promise.resolve();
    expect(stops).toBe(0);
    process.emit(signal);
    await running;
    expect(stops).toBe(1);
    expect(exit).not.toHaveBeenCalled();
  });

  it('ends the process with 130 at the second signal, whatever still stops', () => {
    void runUntilSignal({ stop: () => new Promise<void>(() => undefined) });
    process.emit('SIGTERM');
    expect(exit).not.toHaveBeenCalled();
    process.emit('SIGINT');
    expect(exit).toHaveBeenCalledWith(130);
  });
});
