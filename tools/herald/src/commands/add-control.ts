import type { Command } from 'commander';
import { Hold, Hold_Kind } from '@herald/contracts/dispatch';
import { AdviceError } from '../advice-error';
import { connect, type Connection } from '../client/connect';
import { scopesOf, withCallOptions, type CallOptions } from './add-verbs';
import { name, uuid } from './arguments';
import type { CommandContext } from './context';
import { fail } from './failure';
import { show } from './show';
import { requestIdOf } from './verbs/verb';

const OPERATOR = 'operator';
const PAGE_SIZE = 200;

interface SubjectOptions extends CallOptions {
  request?: string;
  configuration?: string;
  channel?: string;
  organization?: boolean;
}

/** Adds what stops messages and lets them go on, for operators. */
export function addControl(root: Command, context: CommandContext): void {
  addPause(root, context);
  addResume(root, context);
}

function addPause(root: Command, context: CommandContext): void {
  const pause = root
    .command('pause')
    .description(
      'hold the queued messages of a subject: what is on its way leaves within 5 seconds, nothing after that',
    )
    .option('--note <text>', 'why, for people', name)
    .option('--request-id <uuid>', 'a UUID that makes a repeat of the command harmless', uuid)
    .option('--list', 'list the holds in force instead');
  withSubject(pause, context).action(
    (options: SubjectOptions & { note?: string; requestId?: string; list?: boolean }) =>
      answering(options, context, async ({ dispatch }) => {
        if (options.list === true) return { holds: await holdsInForce({ dispatch }) };
        const hold = Hold.fromPartial({ ...subjectOf(options), note: options.note ?? '' });
        return dispatch.placeHold({ requestId: requestIdOf({ 'request-id': options.requestId }), hold });
      }),
  );
}

function addResume(root: Command, context: CommandContext): void {
  const resume = root
    .command('resume')
    .description('let the messages of a subject go on, unless they are held by another one');
  withSubject(resume, context).action((options: SubjectOptions) =>
    answering(options, context, async ({ dispatch }) => {
      const { kind, subjectId } = subjectOf(options);
      const holds = await holdsInForce({ dispatch });
      const hold = holds.find((one) => one.kind === kind && one.subjectId === subjectId.toLowerCase());
      if (hold) return dispatch.releaseHold({ holdId: hold.id });
      throw new AdviceError('It is not paused. "herald pause --list" has what is.');
    }),
  );
}

function withSubject(command: Command, context: CommandContext): Command {
  command
    .option('--request <id>', 'a request', uuid)
    .option('--configuration <id>', 'an outbound configuration', uuid)
    .option('--channel <id>', 'a channel', uuid)
    .option('--organization', 'all of the organisation');
  return withCallOptions(command, context, OPERATOR);
}

function subjectOf({
  request,
  configuration,
  channel,
  organization,
}: SubjectOptions): Pick<Hold, 'kind' | 'subjectId'> {
  const named = [
    ...(request === undefined ? [] : [{ kind: Hold_Kind.REQUEST, subjectId: request }]),
    ...(configuration === undefined ? [] : [{ kind: Hold_Kind.OUTBOUND_CONFIGURATION, subjectId: configuration }]),
    ...(channel === undefined ? [] : [{ kind: Hold_Kind.CHANNEL, subjectId: channel }]),
    ...(organization === true ? [{ kind: Hold_Kind.ORGANIZATION, subjectId: '' }] : []),
  ];
  const [subject, second] = named;
  if (subject && !second) return subject;
  throw new AdviceError('Name one of --request, --configuration, --channel and --organization.');
}

async function holdsInForce({ dispatch }: Pick<Connection, 'dispatch'>): Promise<Hold[]> {
  const holds: Hold[] = [];
  let pageToken = '';
  do {
    const page = await dispatch.listHolds({ pageSize: PAGE_SIZE, pageToken });
    holds.push(...page.holds);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return holds;
}

async function answering(
  { home, org, scope, json }: CallOptions,
  { environment }: CommandContext,
  run: (connection: Connection) => Promise<object>,
): Promise<void> {
  try {
    const connection = await connect(home, environment, { org, scopes: scopesOf(scope), subject: 'herald' });
    try {
      const answer = await run(connection);
      process.stdout.write(`${json === true ? JSON.stringify(answer) : show(answer)}\n`);
    } finally {
      connection.close();
    }
  } catch (error) {
    fail(error, json);
  }
}
