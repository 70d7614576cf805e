import type { Command } from 'commander';
import { AdviceError } from '../advice-error';
import { connect } from '../client/connect';
import { SCOPES, type Scope } from '@herald/grpc';
import { name } from './arguments';
import type { CommandContext } from './context';
import { fail } from './failure';
import { show } from './show';
import { ACCOUNT, CHANNEL } from './verbs/accounts';
import { AUDIT } from './verbs/audit';
import { CONFIGURATION, ORGANISATION } from './verbs/configurations';
import { LEDGER, MESSAGE, QUOTA, REQUEST } from './verbs/ledger';
import { REPORT } from './verbs/report';
import { TEMPLATE } from './verbs/templates';
import type { Noun, Options, Verb } from './verbs/verb';

/** What is one call to one service, in the order in which a new organisation needs it. */
const NOUNS = [ORGANISATION, ACCOUNT, CHANNEL, TEMPLATE, CONFIGURATION, REQUEST, MESSAGE, QUOTA, REPORT, LEDGER, AUDIT];

/** What most commands need. */
const SCOPE_DEFAULT = 'configure,send,read';

/** Who a command calls as; every command that calls has these. */
export interface CallOptions {
  org: string;
  json?: boolean;
  home: string;
  scope: string;
}

/** Adds the options that say who calls and how answers are shown. */
export function withCallOptions(command: Command, { home }: CommandContext, scope = SCOPE_DEFAULT): Command {
  return command
    .option('--org <name>', 'the organisation, as its tokens name it', name, 'sample')
    .option('--scope <list>', 'scopes of the token, separated by commas', scope)
    .option('--home <directory>', 'where the running system keeps its keys', home)
    .option('--json', 'print the answer as JSON on standard output');
}

/** Reads a list of scopes. Throws AdviceError when it names one that there is not. */
export function scopesOf(list: string): Scope[] {
  return list.split(',').map((named) => {
    const scope = SCOPES.find((known) => known === named.trim());
    if (scope !== undefined) return scope;
    throw new AdviceError(`--scope names "${named}", which is no scope. The scopes are ${SCOPES.join(', ')}.`);
  });
}

/** Adds every noun and its verbs. */
export function addVerbs(root: Command, context: CommandContext): void {
  for (const { noun, text, verbs, scope } of NOUNS) {
    const command = root.command(noun).description(text);
    for (const verb of verbs) addVerb(command, { ...verb, scope }, context);
  }
}

function addVerb(
  noun: Command,
  { verb, text, takesId, options = {}, run, scope, ...shown }: Verb & { scope: Noun['scope'] | undefined },
  context: CommandContext,
): void {
  const command = noun.command(takesId === true ? `${verb} <id>` : verb).description(text);
  for (const [key, description] of Object.entries(options)) {
    const isRequired = key.endsWith('!');
    const flag = `--${key.replace('!', '')} <value>`;
    if (isRequired) command.requiredOption(flag, `${description} (required)`);
    else command.option(flag, description);
  }
  withCallOptions(command, context, scope).action(async (...args: unknown[]) => {
    const id = takesId === true ? String(args[0]) : '';
    const given = command.opts<CallOptions & Record<string, string>>();
    try {
      const user = { org: given.org, scopes: scopesOf(given.scope), subject: 'herald' };
      const connection = await connect(given.home, context.environment, user);
      try {
        for await (const answer of each(run(connection, asWritten(options, given), id))) {
          process.stdout.write(`${given.json === true ? JSON.stringify(answer) : (shown.show ?? show)(answer)}\n`);
          if (isBroken(answer)) process.exitCode = 1;
        }
      } finally {
        connection.close();
      }
    } catch (error) {
      fail(error, given.json);
    }
  });
}

/** One answer, or all that come. */
async function* each(answers: Promise<unknown> | AsyncIterable<unknown>): AsyncGenerator<unknown> {
  if (Symbol.asyncIterator in answers) yield* answers;
  else yield await answers;
}

/** A script that checks the ledger, or the audit log, learns the answer from the exit code. */
function isBroken(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null) return false;
  return ('conserved' in answer && answer.conserved === false) || ('intact' in answer && answer.intact === false);
}

/** Commander turns `--page-size` into `pageSize`; verbs name options as they are written. */
function asWritten(options: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>): Options {
  return Object.fromEntries(
    Object.keys(options).map((key) => {
      const option = key.replace('!', '');
      return [option, given[option.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())]];
    }),
  );
}
