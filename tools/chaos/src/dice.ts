import { chanceFrom } from '@herald/failpoints';

/** Draws that follow from a seed. */
export interface Dice {
  /** A whole number of a span, both ends in it. */
  between(least: number, most: number): number;
  pick<T>(from: readonly T[]): T;
  shuffled<T>(all: readonly T[]): T[];
}

/** Dice of their own for a seed and a name, so that what one run draws moves no other run. */
export function diceOf(seed: number, name: string): Dice {
  const chance = chanceFrom([...name].reduce((mixed, letter) => Math.imul(mixed, 31) + letter.charCodeAt(0), seed));
  const between = (least: number, most: number) => least + Math.floor(chance() * (most - least + 1));
  const pick = <T>(from: readonly T[]): T => {
    const picked = from[between(0, from.length - 1)];
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  };
  const shuffled = <T>(all: readonly T[]): T[] => {
    const left = [...all];
    return all.map(() => left.splice(between(0, left.length - 1), 1)[0] as T);
  };
  return { between, pick, shuffled };
}
