import { Systems } from './systems';

describe('Systems', () => {
  const settled = () => new Promise(setImmediate);
  const recorded = () => {
    const did: string[] = [];
    const system = (name: string) => ({ stop: async () => void did.push(`${name} stopped`) });
    const begun = (name: string) => {
      const { promise, resolve, reject } = Promise.withResolvers<{ stop(): Promise<void> }>();
      const start = () => {
        did.push(`${name} starts`);
        return promise;
      };
      return { start, isUp: () => resolve(system(name)), fails: () => reject(new Error(`${name} failed`)) };
    };
    return { did, begun };
  };

  it('start one after the other, whether or not the one before came up', async () => {
    const { did, begun } = recorded();
    const systems = new Systems(new AbortController().signal);
    const [first, second] = [begun('first'), begun('second')];
    const failing = systems.whileUp(first.start, async () => 1);
    const judged = systems.whileUp(second.start, async () => 2);
    await settled();
    expect(did).toEqual(['first starts']);
    first.fails();
    await expect(failing).rejects.toThrow('first failed');
    second.isUp();
    expect(await judged).toBe(2);
    expect(did).toEqual(['first starts', 'second starts', 'second stopped']);
  });

  it('stop all when they are to: what is starting when it is up, and what waits for its turn never starts', async () => {
    const { did, begun } = recorded();
    const stopping = new AbortController();
    const systems = new Systems(stopping.signal);
    const [first, second] = [begun('first'), begun('second')];
    const judged = systems.whileUp(first.start, async () => 1);
    const waiting = expect(systems.whileUp(second.start, async () => 2)).rejects.toThrow('interrupted');
    await settled();
    stopping.abort();
    const stopped = systems.stop();
    first.isUp();
    await Promise.all([stopped, waiting, judged]);
    expect(did).toEqual(['first starts', 'first stopped', 'first stopped']);
  });
});
