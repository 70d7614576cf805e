import type { Chance, Clockwork } from './clockwork';

/** Who hears nothing of a database for so long gives the transaction up. */
const SILENCE_MS = 7_000;

/** What a process depends on. */
export interface Surroundings {
  clock: Clockwork;
  chance: Chance;
  faults: { isOn(): boolean };
}

/** A process that can die, stand still, and ask a database whose answers come late or never. */
export abstract class MortalProcess {
  /** How often it died: what one life had begun, no other ends. */
  protected life = 0;
  readonly #surroundings: Surroundings;
  #stillUntilMs = 0;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Forgets all that it has in memory. */
  protected abstract forget(): void;
  protected abstract begin(): void;

  /** Loses what it knows, and begins anew after a time. */
  die(restartsInMs: number): void {
    this.forget();
    this.life += 1;
    this.later(restartsInMs, () => this.begin());
  }

  /** Does nothing for a time, as a process that is stopped, and then goes on as if nothing had been. */
  standStill(ms: number): void {
    this.#stillUntilMs = this.#surroundings.clock.nowMs + ms;
  }

  /** Does something after a time, unless it dies before; what comes due while it stands still is done when it goes on. */
  protected later(ms: number, act: () => void): void {
    const { clock } = this.#surroundings;
    const { life } = this;
    const run = () => {
      if (life !== this.life) return;
      if (clock.nowMs < this.#stillUntilMs) clock.after(this.#stillUntilMs - clock.nowMs, run);
      else act();
    };
    clock.after(ms, run);
  }

  protected every(ms: number, act: () => void): void {
    this.later(ms, () => {
      act();
      this.every(ms, act);
    });
  }

  /**
   * A transaction: it happens after a while, perhaps although its process died meanwhile. Its answer comes later; where
   * `lost` is given it may be cut off, though all is committed, and it is lost on a process that stands still for long.
   */
  protected ask<Answer>(
    transaction: () => Answer,
    then: (answer: Answer) => void = () => {},
    lost?: (answer: Answer) => void,
  ): void {
    const { clock, chance, faults } = this.#surroundings;
    const { life } = this;
    const askedAtMs = clock.nowMs;
    clock.after(chance.between(1, 5), () => {
      if (life !== this.life && chance.happens(0.5)) return;
      const answer = transaction();
      const isCutOff = lost !== undefined && faults.isOn() && chance.happens(0.03);
      const isLost = () => isCutOff || clock.nowMs - askedAtMs > SILENCE_MS;
      if (life === this.life) this.later(chance.between(1, 5), () => (lost && isLost() ? lost(answer) : then(answer)));
    });
  }
}
