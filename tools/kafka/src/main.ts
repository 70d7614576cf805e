import { parseArgs } from 'node:util';
import { startLocalBroker, stopLocalBroker } from './local-broker';

const HELP = `Starts an Apache Kafka of one node on loopback, or finds the one that runs over the folder, prints one line of
JSON ({"broker","version","pid"}) and ends; the broker runs on. --stop stops it.

  --directory DIR   its records, settings and log
  --port N          where it listens; a free one unless given
  --stop            stops the one that runs over the folder
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string' },
      port: { type: 'string' },
      stop: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || values.directory === undefined) {
    process.stdout.write(HELP);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const { directory, port } = values;
  if (values.stop) return stopLocalBroker(directory);
  const { broker, version, pid } = await startLocalBroker({
    directory,
    ...(port === undefined ? {} : { port: Number(port) }),
  });
  process.stdout.write(`${JSON.stringify({ broker, version, pid })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
