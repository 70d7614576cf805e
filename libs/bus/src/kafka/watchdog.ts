/**
 * A consumer without a sign of life for so long is looked into. It is more than twice its session, and half as much again
 * as the minute for which a member that joins is silent, and well, when another one does not leave its batch.
 */
export const SILENCE_MS_MAX = 90_000;
/** After so long the broker is asked, so that the time of an outage is not taken for the consumer's own. */
const QUIET_MS = 10_000;
const LOOK_EVERY_MS = 5_000;

/** Hears a consumer's signs of life. */
export interface Watchdog {
  hear(): void;
  stop(): void;
}

/**
 * Finds a consumer that hangs: kafkajs can stop fetching after a network fault and never say so (its issues 1163, 1439).
 * One that is silent while the broker answers will not come back, and `onDead` ends the process; while the broker is
 * away silence is no news.
 */
export function watchdog(deps: {
  monotonicMs(): number;
  brokerAnswers(): Promise<boolean>;
  onDead(error: Error): void;
}): Watchdog {
  let heardAtMs = deps.monotonicMs();
  let isLooking = false;
  const look = async () => {
    if (isLooking || deps.monotonicMs() - heardAtMs < QUIET_MS) return;
    isLooking = true;
    const answers = await deps.brokerAnswers();
    isLooking = false;
    // An outage that is over gives the consumer a whole span to come back in.
    if (!answers) heardAtMs = deps.monotonicMs();
    else if (deps.monotonicMs() - heardAtMs >= SILENCE_MS_MAX) {
      deps.onDead(new Error(`a consumer gave no sign of life for ${SILENCE_MS_MAX / 1000} s`));
    }
  };
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  return { hear: () => (heardAtMs = deps.monotonicMs()), stop: () => clearInterval(timer) };
}
