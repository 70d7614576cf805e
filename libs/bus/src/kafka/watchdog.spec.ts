import { SILENCE_MS_MAX, watchdog, type Watchdog } from './watchdog';

describe('watchdog', () => {
  let nowMs: number;
  let answers: boolean;
  let dead: Error[];
  let dog: Watchdog;

  beforeEach(() => {
    jest.useFakeTimers();
    [nowMs, answers, dead] = [0, true, []];
    dog = watchdog({
      monotonicMs: () => nowMs,
      brokerAnswers: async () => answers,
      onDead: (error) => dead.push(error),
    });
  });
  afterEach(() => {
    dog.stop();
    jest.useRealTimers();
  });

  const pass = async (ms: number) => {
    nowMs += ms;
    await jest.advanceTimersByTimeAsync(5_000);
  };

  it('ends a consumer that is silent for a minute and a half while the broker answers', async () => {
    await pass(SILENCE_MS_MAX - 1);
    expect(dead).toEqual([]);
    await pass(1);
    expect(dead).toHaveLength(1);
  });

  it('lets one live that gives signs of life', async () => {
    for (let minute = 0; minute < 5; minute += 1) {
      await pass(SILENCE_MS_MAX - 1);
      dog.hear();
    }
    expect(dead).toEqual([]);
  });

  it('does not blame a consumer for a broker that is away, and gives it the same time after that', async () => {
    answers = false;
    for (let minute = 0; minute < 5; minute += 1) await pass(SILENCE_MS_MAX);
    answers = true;
    await pass(SILENCE_MS_MAX - 1);
    expect(dead).toEqual([]);
    await pass(1);
    expect(dead).toHaveLength(1);
  });

  it('gives that time after an outage, too, that was shorter than what it allows', async () => {
    answers = false;
    await pass(SILENCE_MS_MAX - 10_000);
    answers = true;
    await pass(SILENCE_MS_MAX - 1);
    expect(dead).toEqual([]);
    await pass(1);
    expect(dead).toHaveLength(1);
  });
});
