import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { startLocalBroker, stopLocalBroker } from './local-broker';

const HELP = `Starts an Apache Kafka of one node on loopback, or finds the one that runs over the folder, prints one line of
JSON ({"broker","version","pid"}) and ends; the broker runs on. --stop stops it.

  --directory DIR   its records, settings and log
  --port N          where it listens; a free one unless given
  --certificate FILE, --username NAME, --password-file FILE
                    listens with TLS, by the certificate and key in the file, to who logs in so by PLAIN or
                    SCRAM-SHA-512
  --client-authority FILE
                    besides, asks clients for a certificate of this authority
  --stop            stops the one that runs over the folder
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string' },
      port: { type: 'string' },
      certificate: { type: 'string' },
      'client-authority': { type: 'string' },
      username: { type: 'string' },
      'password-file': { type: 'string' },
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
  const { certificate: certificateFile, 'client-authority': clientAuthorityFile } = values;
  const { username, 'password-file': passwordFile } = values;
  const isSecured = certificateFile !== undefined && username !== undefined && passwordFile !== undefined;
  const { broker, version, pid } = await startLocalBroker({
    directory,
    ...(port === undefined ? {} : { port: Number(port) }),
    ...(isSecured && {
      security: {
        ...{ certificateFile, clientAuthorityFile },
        ...{ username, password: (await readFile(passwordFile, 'utf8')).trim() },
      },
    }),
  });
  process.stdout.write(`${JSON.stringify({ broker, version, pid })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
