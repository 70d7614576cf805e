import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { AdviceError } from '../../advice-error';
import type { Connection } from '../../client/connect';

/** Values of a command's options, as they were written. */
export type Options = Readonly<Record<string, string | undefined>>;

/** A noun of the command line, and what can be done about it. */
export interface Noun {
  noun: string;
  text: string;
  /** The scopes of its token, where the usual ones do not do. */
  scope?: string;
  verbs: readonly Verb[];
}

/** One verb: its options, and the call it makes. Each answer is printed, or with --json as it is. */
export interface Verb {
  verb: string;
  text: string;
  /** `<id>` as the one argument, where a verb is about one thing. */
  takesId?: boolean;
  /** Option name and what it is for; required ones end with `!`. */
  options?: Readonly<Record<string, string>>;
  run(connection: Connection, options: Options, id: string): Promise<unknown> | AsyncIterable<unknown>;
  /** How a person is shown the answer, where a list of fields does not do. */
  show?(answer: unknown): string;
}

/** The options of every list. */
export const PAGE = {
  'page-size': 'how many at most',
  'page-token': 'the token of the page, as the one before named it',
};

/** Reads which page is wanted. */
export const pageOf = (options: Options) => ({
  pageSize: numberOf(options['page-size']),
  pageToken: options['page-token'] ?? '',
});

/** The id that makes a repeat harmless; a new one where none was given. */
export const requestIdOf = (options: Options) => options['request-id'] ?? randomUUID();

/** What reads a whole log or ledger may take; servers allow no call more. */
export const READS_ALL_MS = 10 * 60_000;

/** The option of every verb that creates. */
export const REQUEST_ID = { 'request-id': 'a UUID that makes a repeat of the command harmless' };

/** The text of a file that an option names. */
export const fileText = async (file: string | undefined): Promise<string> => {
  if (file === undefined) return '';
  return (await readFile(file, 'utf8').catch(() => Promise.reject(new AdviceError(`${file} cannot be read.`)))).trim();
};

/** The fields an update changes: those whose options were given. */
export function maskOf(options: Options, fields: Readonly<Record<string, string>>): string[] {
  const mask = Object.entries(fields).flatMap(([option, field]) => (options[option] === undefined ? [] : [field]));
  if (mask.length > 0) return mask;
  throw new AdviceError(
    `Nothing is to be changed. Give one of ${Object.keys(fields)
      .map((option) => `--${option}`)
      .join(', ')}.`,
  );
}

/** Reads a whole number, as every number of the contract is one; 0 where none was given. */
export function numberOf(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new AdviceError(`"${text.slice(0, 40)}" is no whole number of at most nine digits.`);
}

/** Reads an option that has few values; undefined where none was given. */
export function choiceOf<Choice extends string>(
  text: string | undefined,
  choices: readonly Choice[],
): Choice | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((known) => known === text.toLowerCase());
  if (choice !== undefined) return choice;
  throw new AdviceError(`"${text.slice(0, 40)}" is none of ${choices.join(', ')}.`);
}

/** Reads a time; undefined where none was given. */
export function timeOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  throw new AdviceError(`"${text.slice(0, 40)}" is no time. Write it as 2026-11-24T12:00:00Z.`);
}
