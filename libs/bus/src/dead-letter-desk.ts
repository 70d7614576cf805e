import type { DeadLetter } from './bus';

/** A dead letter as it lies in its store. */
export interface KeptLetter extends DeadLetter {
  /** When the group gave the record up. */
  deadAt: Date;
}

/** Which letters are meant: all, those of a topic or a group, or those of some records. */
export interface LetterSelection {
  topic?: string | undefined;
  group?: string | undefined;
  recordIds?: readonly string[];
}

/** Where a list goes on: after this letter, in the order of record ids, which is the order of time, and of groups. */
export interface LetterPlace {
  recordId: string;
  group: string;
}

/** What became of a wish to redrive. */
export interface Redriven {
  /** How many records. A record has a letter for each group that gave it up, and all of them go. */
  records: number;
  /** Whether the records were published, or are marked for the running system, which publishes them. */
  how: 'published' | 'marked';
  /** Letters that were not looked at, since there are too many for one time. */
  left: number;
  /** Record ids that have no letter, or none that can be published again. Where there are any, nothing was done. */
  unknown: readonly string[];
}

/** Dead letters as an operator works on them; they belong to the installation and to no organisation. */
export interface DeadLetterDesk {
  /** A page of letters, at most `size` of them, and how many there are in all. */
  read(
    selection: LetterSelection,
    page: { size: number; after?: LetterPlace | undefined },
  ): Promise<{ letters: KeptLetter[]; total: number }>;
  /**
   * Has records published again, to all groups, since every group is handed what is published; so all letters of a record
   * go together, also those of groups that were not named. A letter goes only once its record is published: a
   * crash in between repeats the record, which every handler bears.
   */
  redrive(selection: LetterSelection): Promise<Redriven>;
  close(): Promise<void>;
}

/** The order of letters in a list. */
export function compareLetters(left: KeptLetter, right: KeptLetter): number {
  return compareTexts(left.record.id, right.record.id) || compareTexts(left.group, right.group);
}

/** Whether a letter comes after a place. */
export function isAfter({ record, group }: KeptLetter, place: LetterPlace): boolean {
  return (compareTexts(record.id, place.recordId) || compareTexts(group, place.group)) > 0;
}

function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
