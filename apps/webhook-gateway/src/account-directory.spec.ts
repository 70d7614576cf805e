import { Provider } from '@herald/contracts/type';
import { HeraldError } from '@herald/errors';
import { FakeClock } from '@herald/testing';
import { accountDirectory, ANSWER_AGE_MS_MAX, QUESTIONS_ABOUT_STRANGERS_MAX } from './account-directory';

const KNOWN = 'known-path-of-an-account';
const strange = (index: number) => `stranger-${index}`.padEnd(22, '-');

/** Answers about one account at once, and about strangers only when it is let. */
class ConfigurationsThatDawdle {
  asked = 0;
  #answer: () => void = () => {};
  readonly #let = new Promise<void>((resolve) => (this.#answer = resolve));

  answerAll(): void {
    this.#answer();
  }

  async resolveWebhookAccount({ pathSegment }: { pathSegment: string }) {
    this.asked += 1;
    if (pathSegment !== KNOWN) {
      await this.#let;
      throw new HeraldError('WEBHOOK_PATH_NOT_FOUND', 'None.');
    }
    const ids = { orgId: 'org', channelAccountId: 'account', providerAccountId: 'AC1' };
    return { ...ids, provider: Provider.TWILIO, verificationKeys: ['secret'] };
  }
}

describe('accountDirectory', () => {
  it('S20: bounds the questions that guesses cause, and still finds an account it knew', async () => {
    const clock = new FakeClock();
    const configurations = new ConfigurationsThatDawdle();
    const directory = accountDirectory({ configurations, monotonicMs: () => clock.monotonicMs() });
    expect(await directory.find(KNOWN)).toMatchObject({ org: 'org' });
    const guesses = Array.from({ length: QUESTIONS_ABOUT_STRANGERS_MAX }, (_, index) => directory.find(strange(index)));
    await expect(directory.find(strange(QUESTIONS_ABOUT_STRANGERS_MAX))).rejects.toThrow(HeraldError);
    clock.advance(ANSWER_AGE_MS_MAX);
    expect(await directory.find(KNOWN)).toMatchObject({ org: 'org' });
    expect(configurations.asked).toBe(QUESTIONS_ABOUT_STRANGERS_MAX + 2);
    configurations.answerAll();
    expect(await Promise.all(guesses)).toEqual(guesses.map(() => undefined));
    expect(await directory.find(strange(QUESTIONS_ABOUT_STRANGERS_MAX))).toBeUndefined();
  });

  it('S20: keeps a known account although more paths are guessed than it remembers', async () => {
    const configurations = new ConfigurationsThatDawdle();
    configurations.answerAll();
    const directory = accountDirectory({ configurations, monotonicMs: () => 0 });
    await directory.find(KNOWN);
    for (let index = 0; index < 10_001; index += 1) await directory.find(strange(index));
    const asked = configurations.asked;
    await directory.find(KNOWN);
    expect(configurations.asked).toBe(asked);
    await directory.find(strange(0));
    expect(configurations.asked).toBe(asked + 1);
  });
});
