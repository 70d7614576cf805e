import { InvalidArgumentError } from 'commander';
import { validate } from 'uuid';

/** Reads a whole number within bounds, both included. */
export function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
  };
}

/** Reads a UUID. */
export function uuid(text: string): string {
  if (validate(text)) return text;
  throw new InvalidArgumentError('Write a UUID.');
}

/** Reads a name. A variable of a script that is not set is empty, and would make a token that opens nothing. */
export function name(text: string): string {
  if (text.trim() !== '') return text;
  throw new InvalidArgumentError('Write a name.');
}
