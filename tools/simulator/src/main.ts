import { Command, InvalidArgumentError } from 'commander';
import type { AccountSettings } from './accounts';
import { SAMPLE_ACCOUNT } from './accounts';
import { checkShares, parseOutcome } from './behaviour';
import type { Shares } from './behaviour';
import type { Span } from './chance';
import { FAULTS, parseFaults } from './faults';
import { startSimulator } from './simulator';
import { parseSpan } from './span';

interface Flags {
  port: number;
  host: string;
  receipts: string;
  seed: number;
  faults: string;
  account: AccountSettings[];
  anySender: boolean;
  outcomes?: Shares;
  statusDelay?: Span;
  json: boolean;
}

function between(min: number, max: number): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
    throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`);
  };
}

/** Turns the errors of a parser into commander's, which prints them with the option's name and exits 1. */
function argument<Value>(parse: (text: string) => Value): (text: string) => Value {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
}

function readAccount(text: string, earlier: AccountSettings[]): AccountSettings[] {
  const [sid = '', authToken = ''] = text.split(':', 2);
  if (!/^AC[0-9a-f]{32}$/.test(sid) || authToken === '') {
    throw new InvalidArgumentError('Write SID:TOKEN, the SID being AC and 32 hexadecimal digits.');
  }
  return [...earlier, { sid, authToken }];
}

function readDelay(text: string): Span {
  const span = parseSpan(text);
  if (!span) throw new InvalidArgumentError('Write one or two lengths, for example 50ms or 20ms..2s.');
  return span;
}

function readOutcomes(text: string): Shares {
  const entries = text.split(',').map((part) => {
    const [outcome = '', share = ''] = part.split('=', 2);
    parseOutcome(outcome);
    return [outcome, Number(share)] as const;
  });
  return checkShares(Object.fromEntries(entries));
}

const FAULT_HELP = Object.entries(FAULTS)
  .map(([name, { probability, text }]) => `  ${name.padEnd(11)} ${String(probability).padEnd(5)} ${text}`)
  .join('\n');

const command = new Command('simulator')
  .description(
    'Speaks the wire contract of Twilio Programmable Messaging, sends no message, and remembers what it accepted.',
  )
  .option('--port <number>', 'port to listen on; 0 takes a free one', between(0, 65_535), 50_070)
  .option('--host <address>', 'address to listen on; the control API asks for no credentials', '127.0.0.1')
  .option('--receipts <directory>', 'where the receipt log is kept', '.herald/simulator')
  .option('--seed <number>', 'the same seed makes the same choices for the same recipients', between(0, 2 ** 31 - 1), 1)
  .option(
    '--faults <spec>',
    'what goes wrong, see below',
    argument((text) => (parseFaults(text), text)),
    '',
  )
  .option('--account <sid:token>', 'a further account; may be repeated', readAccount, [])
  .option('--any-sender', 'accept every well-formed sender, owned or not', false)
  .option('--outcomes <list>', 'shares of outcomes, e.g. delivered=0.9,undelivered:30003=0.1', argument(readOutcomes))
  .option('--status-delay <span>', 'how long a message stays in each status (default: 20ms..120ms)', readDelay)
  .option('--json', 'print one line of JSON when ready: {"url","control","pid"}', false)
  .addHelpText(
    'after',
    `
Faults: name[=span][:probability], separated by commas, or none. For example:
  --faults slow=200ms..2s:0.3,429:0.1,drop:0.02
  --faults accepted-then-dropped        (the same as drop)
Names, with the probability when none is written:
${FAULT_HELP}

The sample account: ${SAMPLE_ACCOUNT.sid}, token ${SAMPLE_ACCOUNT.authToken}`,
  );

async function main(): Promise<void> {
  const { account, json, ...flags } = command.parse().opts<Flags>();
  const { outcomes, ...options } = flags;
  const simulator = await startSimulator({ ...options, ...(outcomes && { shares: outcomes }), accounts: account });
  const stop = () => void simulator.stop().then(() => process.exit(0));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const ready = { url: simulator.url, control: simulator.controlUrl, pid: process.pid };
  const text =
    `The simulator listens on ${ready.url}, its control API on ${ready.control}. ` +
    `Receipts are in ${flags.receipts}. Ctrl-C stops it.`;
  process.stdout.write(`${json ? JSON.stringify(ready) : text}\n`);
}

main().catch((error: Error & { code?: string }) => {
  const hint = error.code === 'EADDRINUSE' ? ' Choose another --port, or 0 for a free one.' : '';
  process.stderr.write(`The simulator did not start: ${error.message}.${hint}\n`);
  process.exit(1);
});
