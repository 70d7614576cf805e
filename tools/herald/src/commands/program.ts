import { Command } from 'commander';
import { resolve } from 'node:path';
import { demo } from '../demo/demo';
import { SAMPLE_CONTACTS_MAX } from '../sample/contacts';
import { prepareDatabases } from '../system/database';
import { PORT_BASE_MAX } from '../system/ports';
import { addControl } from './add-control';
import { addDlq } from './add-dlq';
import { addLocal } from './add-local';
import { addSend } from './add-send';
import { addStatus } from './add-status';
import { addVerbs } from './add-verbs';
import { between } from './arguments';
import type { CommandContext } from './context';
import { fail } from './failure';
import { show } from './show';
import { start, type StartOptions } from './start';

const PORT_BASE_DEFAULT = 50_050;
const DEMO_CONTACTS = 1_000;

/** The whole command line. */
export function program(context: CommandContext): Command {
  const root = new Command('herald')
    .description('Sends messages to customers, and knows what became of each.')
    .showHelpAfterError();
  addStart(root, context);
  addDemo(root);
  addMigrate(root, context);
  addVerbs(root, context);
  addSend(root, context);
  addDlq(root, context);
  addLocal(root, context);
  addStatus(root, context);
  addControl(root, context);
  return root;
}

function addStart(root: Command, { environment, inherited, home }: CommandContext): void {
  root
    .command('start')
    .description('run all of Herald in one process, with the simulator and a sample organisation, until Ctrl-C')
    .option('--home <directory>', 'where its data and keys are', home)
    .option(
      '--port-base <number>',
      'the port below its ports; 0 takes free ones',
      between(0, PORT_BASE_MAX),
      environment.HERALD_PORT_BASE ?? PORT_BASE_DEFAULT,
    )
    .option('--kafka', 'send events over an Apache Kafka that is started for it; needs Java 17 and Maven', false)
    .option('--distributed', 'run each service as two processes, over Kafka', false)
    .option('--simulator-faults <spec>', 'what goes wrong at the provider; see npm run simulator -- --help', '')
    .option('--simulator-outcomes <list>', 'shares of outcomes at the provider', '')
    .option('--no-sample', 'start without the sample organisation')
    .action((options: StartOptions) =>
      start(options, { environment, inherited }).catch((error: unknown) => fail(error)),
    );
}

function addDemo(root: Command): void {
  root
    .command('demo')
    .description('start everything, send to a thousand contacts, and prove what became of each')
    .option('--contacts <number>', 'how many contacts', between(1, SAMPLE_CONTACTS_MAX), DEMO_CONTACTS)
    .option(
      '--kill-at <receipts>',
      'kill Herald when the provider has so many receipts, and start it again',
      between(1, SAMPLE_CONTACTS_MAX),
    )
    .option('--kafka', 'send events over an Apache Kafka that is started for it; needs Java 17 and Maven', false)
    .option('--distributed', 'run each service as two processes, over Kafka', false)
    .option('--simulator-faults <spec>', 'what goes wrong at the provider; see npm run simulator -- --help', '')
    .option('--home <directory>', 'use this home and keep it')
    .action(
      async (options: {
        contacts: number;
        killAt?: number;
        kafka: boolean;
        distributed: boolean;
        simulatorFaults: string;
        home?: string;
      }) => {
        const { contacts, simulatorFaults, killAt, kafka, distributed, home } = options;
        const print = (line: string) => void process.stdout.write(`${line}\n`);
        const isGood = await demo({
          contacts,
          killAt,
          kafka,
          distributed,
          simulatorFaults,
          home: home && resolve(home),
          print,
        }).catch((error: unknown) => fail(error));
        if (isGood !== true) process.exitCode = 1;
      },
    );
}

function addMigrate(root: Command, { environment }: CommandContext): void {
  root
    .command('migrate')
    .description('make or update the schemas and roles of all services in the database that HERALD_DATABASE_URL names')
    .option('--json', 'print JSON')
    .action(async ({ json }: { json?: boolean }) => {
      try {
        const migrations = await prepareDatabases(environment);
        process.stdout.write(`${json === true ? JSON.stringify({ migrations }) : show({ migrations })}\n`);
      } catch (error) {
        fail(error, json);
      }
    });
}
