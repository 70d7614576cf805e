import type { Command } from 'commander';
import type { Contact } from '@herald/contracts/dispatch';
import { makeToken } from '../client/connect';
import { sampleContacts, SAMPLE_CONTACTS_MAX } from '../sample/contacts';
import { scopesOf } from './add-verbs';
import { between, name } from './arguments';
import type { CommandContext } from './context';
import { fail } from './failure';

/** A token that lives longer is refused by every service. */
const TOKEN_SECONDS_MAX = 86_400;

/** Adds the commands that call no service: token, and the sample's contacts. */
export function addLocal(root: Command, context: CommandContext): void {
  addToken(root, context);
  root
    .command('sample')
    .description('material to try Herald with')
    .command('contacts')
    .description('print a contact list of people in many countries, as CSV')
    .option('--count <number>', 'how many', between(1, SAMPLE_CONTACTS_MAX), 1_000)
    .option('--json', 'print JSON instead')
    .action(({ count, json }: { count: number; json?: boolean }) => {
      const contacts = sampleContacts(count).map(({ contact }) => contact);
      process.stdout.write(json === true ? `${JSON.stringify(contacts.map(asListed))}\n` : csvOf(contacts));
    });
}

function addToken(root: Command, { environment, home }: CommandContext): void {
  root
    .command('token')
    .description('print a token by the keys of the home, for grpcurl and other clients')
    .requiredOption('--org <name>', 'the organisation (required)', name)
    .option('--scope <list>', 'scopes, separated by commas', 'configure,send,read')
    .option('--sub <name>', 'who it is for', name, 'herald')
    .option('--ttl <seconds>', 'how long it is good for, at most a day', between(1, TOKEN_SECONDS_MAX), 3_600)
    .option('--home <directory>', 'where the keys are', home)
    .option('--json', 'print JSON')
    .action(async (options: { org: string; scope: string; sub: string; ttl: number; home: string; json?: boolean }) => {
      try {
        const user = { org: options.org, scopes: scopesOf(options.scope), subject: options.sub };
        const token = await makeToken(options.home, environment, { user, seconds: options.ttl });
        process.stdout.write(`${options.json === true ? JSON.stringify({ token }) : token}\n`);
      } catch (error) {
        fail(error, options.json);
      }
    });
}

/** A contact as a list of the documented form has it. */
function asListed({ toContactId, channelId, optin, locale, contextItems, customerName }: Contact) {
  return {
    tocontactid: toContactId,
    channelid: channelId,
    optin,
    locale,
    contextitems: contextItems,
    customername: customerName,
  };
}

function csvOf(contacts: readonly Contact[]): string {
  const items = [...new Set(contacts.flatMap(({ contextItems }) => Object.keys(contextItems)))];
  const header = ['tocontactid', 'channelid', 'optin', 'locale', 'customername', ...items];
  const quoted = (value: string) => (/[",\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const rows = contacts.map(({ toContactId, channelId, optin, locale, customerName, contextItems }) =>
    [
      toContactId,
      channelId,
      optin === undefined ? '' : String(optin),
      locale,
      customerName,
      ...items.map((item) => contextItems[item] ?? ''),
    ]
      .map(quoted)
      .join(','),
  );
  return `${[header.join(','), ...rows].join('\n')}\n`;
}
