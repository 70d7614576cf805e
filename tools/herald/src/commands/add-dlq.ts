import { InvalidArgumentError, type Command } from 'commander';
import type { DeadLetterDesk, KeptLetter, LetterPlace } from '@herald/bus';
import { AdviceError } from '../advice-error';
import { openDeadLetters } from '../system/open-dead-letters';
import { between } from './arguments';
import type { CommandContext } from './context';
import { fail } from './failure';
import { show } from './show';
import { listedLetter, shownRecord } from './show-letters';

const PAGE_SIZE_DEFAULT = 50;
const PAGE_SIZE_MAX = 1_000;

interface DlqOptions {
  home: string;
  json?: boolean;
  topic?: string;
  group?: string;
}

/**
 * Adds what an operator does with dead letters. There is no RPC for it: they belong to the installation and not to an
 * organisation, and whoever may use it holds the credentials of the database or the brokers.
 */
export function addDlq(root: Command, context: CommandContext): void {
  const dlq = root.command('dlq').description('records that a group of consumers could not handle, for operators');
  addList(dlq, context);
  addShow(dlq, context);
  addRedrive(dlq, context);
}

function addList(dlq: Command, context: CommandContext): void {
  const list = dlq
    .command('list')
    .description('list dead letters, oldest record first, and say how many there are')
    .option('--topic <name>', 'only those of this topic')
    .option('--group <name>', 'only those of this group')
    .option('--page-size <number>', 'how many at most', between(1, PAGE_SIZE_MAX), PAGE_SIZE_DEFAULT)
    .option('--page-token <token>', 'the token of the page, as the one before named it', readToken);
  withOptions(list, context).action((options: DlqOptions & { pageSize: number; pageToken?: LetterPlace }) =>
    answering(options, context, async (desk) => {
      const { pageSize: size, pageToken: after } = options;
      const { letters, total } = await desk.read(options, { size: size + 1, after });
      const page = letters.slice(0, size);
      const nextPageToken = letters.length > size ? tokenOf(page.at(-1)) : '';
      return { total, deadLetters: page.map(listedLetter), nextPageToken };
    }),
  );
}

function addShow(dlq: Command, context: CommandContext): void {
  const command = dlq
    .command('show <id>')
    .description('show a record with its event, and which groups could not handle it and why');
  withOptions(command, context).action((id: string, options: DlqOptions) =>
    answering(options, context, async (desk) => {
      const { letters } = await desk.read({ recordIds: [id] }, { size: PAGE_SIZE_MAX });
      const [first, ...others] = letters;
      if (first) return shownRecord([first, ...others]);
      throw new AdviceError(`There is no dead letter of a record ${id}. "dlq list" names those there are.`);
    }),
  );
}

function addRedrive(dlq: Command, context: CommandContext): void {
  const command = dlq
    .command('redrive [ids...]')
    .description('publish records again, to all groups, and take their dead letters away')
    .option('--topic <name>', 'with --all: the topic')
    .option('--group <name>', 'with --all: the group that could not handle them')
    .option('--all', 'all records of the topic that the group could not handle');
  withOptions(command, context).action((ids: string[], options: DlqOptions & { all?: boolean }) =>
    answering(options, context, async (desk) => {
      const { records, how, left, unknown } = await desk.redrive(selectionOf(ids, options));
      if (unknown.length > 0) throw new AdviceError(adviceOn(unknown));
      return how === 'published' ? { published: records, left } : { marked: records, next: NEXT };
    }),
  );
}

/** What a marked record waits for. */
const NEXT = 'The running system publishes them within two seconds, else the next one when it starts.';

function selectionOf(ids: readonly string[], { topic, group, all }: DlqOptions & { all?: boolean }) {
  if (all !== true && ids.length > 0 && topic === undefined && group === undefined) return { recordIds: ids };
  if (all === true && ids.length === 0 && topic !== undefined && group !== undefined) return { topic, group };
  throw new AdviceError(
    'Name the ids of records, as "dlq list" has them, or else all three of --topic, --group and --all.',
  );
}

function adviceOn(unknown: readonly string[]): string {
  return (
    `There is no dead letter of ${unknown.length === 1 ? 'a record' : 'records'} ${unknown.join(', ')} that could be ` +
    'published again, so nothing was done. What has no type in "dlq list" is no record, and stays.'
  );
}

function withOptions(command: Command, { home }: CommandContext): Command {
  return command
    .option('--home <directory>', 'where the system keeps its data', home)
    .option('--json', 'print the answer as JSON on standard output');
}

async function answering(
  { home, json }: DlqOptions,
  { environment }: CommandContext,
  run: (desk: DeadLetterDesk) => Promise<object>,
): Promise<void> {
  try {
    const desk = await openDeadLetters(home, environment);
    try {
      const answer = await run(desk);
      process.stdout.write(`${json === true ? JSON.stringify(answer) : show(answer)}\n`);
    } finally {
      await desk.close();
    }
  } catch (error) {
    fail(error, json);
  }
}

function tokenOf(letter: KeptLetter | undefined): string {
  return Buffer.from(JSON.stringify([letter?.record.id, letter?.group])).toString('base64url');
}

function readToken(token: string): LetterPlace {
  const [recordId, group] = placeIn(Buffer.from(token, 'base64url').toString());
  if (typeof recordId === 'string' && typeof group === 'string') return { recordId, group };
  throw new InvalidArgumentError('Write the token that the page before named.');
}

function placeIn(text: string): unknown[] {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}
