import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { SingleBar } from 'cli-progress';
import { Option, type Command } from 'commander';
import type { HeraldError } from '@herald/errors';
import { v5 as uuidv5 } from 'uuid';
import { connect, type Connection } from '../client/connect';
import type { SentRequest } from '../client/contact-list';
import { patiently } from '../client/patiently';
import { CONTACTS_PER_REQUEST, sendContacts } from '../client/send-contacts';
import { scopesOf, withCallOptions, type CallOptions } from './add-verbs';
import { uuid } from './arguments';
import { fail } from './failure';
import type { CommandContext } from './context';
import { readContacts } from './read-contacts';
import { show } from './show';

const NAMESPACE = '7a7c2f0c-8a8e-4b7b-9b0a-0c8d1a6b9f55';
const LOOK_EVERY_MS = 500;

/** Adds the command that sends a contact list. */
export function addSend(root: Command, context: CommandContext): void {
  const send = root
    .command('send')
    .description('send a contact list: CSV or JSON, any number of contacts; more than a hundred are streamed')
    .requiredOption('--configuration <id>', 'the configuration ID (required)')
    .requiredOption('--contacts <file>', 'the list, or - for standard input (required)')
    .option('--request-id <uuid>', 'sends the list once more; follows from it and the configuration if left out', uuid)
    .addOption(
      new Option('--stream-id <uuid>', 'takes up the stream of a list that broke, by the id it was given')
        .argParser(uuid)
        .conflicts('requestId'),
    )
    .option('--wait', 'wait until every message has left or is given up, and as long as reports of it come in');
  withCallOptions(send, context).action((options: SendOptions) =>
    sendList(options, context).catch((error: unknown) => fail(error, options.json)),
  );
}

interface SendOptions extends CallOptions {
  configuration: string;
  contacts: string;
  requestId?: string;
  streamId?: string;
  wait?: boolean;
}

async function sendList(options: SendOptions, { environment }: CommandContext): Promise<void> {
  const contacts = await readContacts(options.contacts);
  const fingerprint = createHash('sha256').update(JSON.stringify(contacts)).digest('hex');
  const listId = options.streamId ?? options.requestId ?? uuidv5(`${options.configuration}/${fingerprint}`, NAMESPACE);
  const connection = await connect(options.home, environment, {
    org: options.org,
    scopes: scopesOf(options.scope),
    subject: 'herald',
  });
  const bar = progressBar(contacts.length, 'accepting');
  const isStream = contacts.length > CONTACTS_PER_REQUEST;
  try {
    if (isStream && process.stderr.isTTY) tellStream(listId);
    const list = { listId, outboundConfigurationId: options.configuration, contacts };
    const sent = await sendContacts(connection, list, {
      onSent: ({ offset, results }) => bar.update(offset + results.length),
      onWait: tellWait,
    });
    bar.stop();
    const counts =
      options.wait === true ? await waited(connection, sent, contacts.length) : await countsOf(connection, sent);
    report(options, { listId, sent, counts });
    if (sent.some(({ results }) => results.some(({ outcome }) => outcome?.$case === 'refused'))) process.exitCode = 1;
  } catch (error) {
    // With --json standard error has one line, and it is the error's.
    if (isStream && !process.stderr.isTTY && options.json !== true) tellStream(listId);
    throw error;
  } finally {
    bar.stop();
    connection.close();
  }
}

/** On a terminal at the beginning, for whoever interrupts it; to others where it failed. */
function tellStream(listId: string): void {
  process.stderr.write(
    `Streaming ${listId}. If it breaks, the same command takes it up, or --stream-id with this id.\n`,
  );
}

function tellWait({ message }: HeraldError, waitMs: number): void {
  const belowTheBar = process.stderr.isTTY ? '\n' : '';
  process.stderr.write(`${belowTheBar}${message} Trying again in ${Math.ceil(waitMs / 1000)} s …\n`);
}

/** On a terminal only, and on standard error: what a program reads stays clean. */
function progressBar(total: number, what: string): SingleBar {
  const bar = new SingleBar({
    format: `${what} {bar} {value}/{total}`,
    stream: process.stderr,
    clearOnComplete: true,
    // Otherwise it switches the wrapping of lines off, and Ctrl-C leaves the terminal like that.
    linewrap: true,
  });
  if (process.stderr.isTTY) bar.start(total, 0);
  return bar;
}

async function countsOf({ dispatch }: Connection, sent: readonly SentRequest[]): Promise<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const { id } of sent) {
    const { outboundRequest } = await patiently(() => dispatch.getRequest({ outboundRequestId: id }));
    for (const [name, count] of Object.entries(outboundRequest?.counts ?? {})) {
      if (typeof count === 'number') sum[name] = (sum[name] ?? 0) + count;
    }
  }
  return sum;
}

/** Waits until every message has an outcome, and then until two looks see the same: reports may still come in. */
async function waited(
  connection: Connection,
  sent: readonly SentRequest[],
  total: number,
): Promise<Record<string, number>> {
  const bar = progressBar(total, 'sending  ');
  let before = '';
  try {
    for (;;) {
      const counts = await countsOf(connection, sent);
      const open = (counts.queued ?? 0) + (counts.sending ?? 0);
      bar.update(total - open);
      const seen = JSON.stringify(counts);
      if (open === 0 && seen === before) return counts;
      before = seen;
      await pause(LOOK_EVERY_MS);
    }
  } finally {
    bar.stop();
  }
}

function report(
  { json }: SendOptions,
  { listId, sent, counts }: { listId: string; sent: readonly SentRequest[]; counts: Record<string, number> },
): void {
  const notAccepted = sent.flatMap(({ offset, results }) =>
    results.flatMap(({ index, outcome }) =>
      outcome === undefined || outcome.$case === 'accepted'
        ? []
        : [
            {
              contact: offset + index + 1,
              outcome: outcome.$case,
              reason: outcome.value.reason,
              description: outcome.value.description,
            },
          ],
    ),
  );
  const requests = sent.map(({ id }) => id);
  if (json === true) process.stdout.write(`${JSON.stringify({ listId, requests, counts, notAccepted })}\n`);
  else {
    for (const line of notAccepted)
      process.stdout.write(`contact ${line.contact} ${line.outcome}: ${line.reason}. ${line.description}\n`);
    process.stdout.write(`${show({ listId, requests, counts })}\n`);
  }
}
