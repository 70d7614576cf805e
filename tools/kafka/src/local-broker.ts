import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '@herald/ports';
import { brokerJars, notInstalled, runProgram } from './jars';

const POM = resolve(__dirname, '..', 'pom.xml');
const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const POLL_MS = 100;
const HEAP = '-Xmx512m';
const STARTED = /Kafka Server started/;

/** An Apache Kafka of this machine: one node, listening on loopback only. */
export interface LocalBroker {
  /** `host:port`. */
  broker: string;
  version: string;
  pid: number;
  /** Stops it, so that the next start finds every record again. */
  stop(): Promise<void>;
}

/** What stands in the folder of a broker that runs. */
interface BrokerFile {
  pid: number;
  port: number;
  version: string;
}

/** What a broker is secured with: it then listens with TLS alone, and to those who log in by PLAIN or SCRAM-SHA-512. */
export interface BrokerSecurity {
  /** PEM of its certificate and key, in one file. */
  certificateFile: string;
  /** PEM of the authority that clients must show a certificate of, as the broker's own is; none is asked for without it. */
  clientAuthorityFile?: string | undefined;
  /** Who may log in. It is made when the folder is formatted, and stays as it was then. */
  username: string;
  password: string;
}

/**
 * Starts a broker over a folder, or adopts the one that still runs over it. It is a process group of its own and
 * outlives whoever started it, as a broker does. Needs `java` 17 and `mvn`; throws with the end of its log when it does
 * not come up within a minute.
 */
export async function startLocalBroker({
  directory,
  port,
  security,
}: {
  directory: string;
  port?: number;
  security?: BrokerSecurity;
}): Promise<LocalBroker> {
  const running = await runningBroker(directory);
  const file = running ?? (await launch(directory, port ?? (await freePort()), security));
  return {
    ...{ broker: `127.0.0.1:${file.port}`, version: file.version, pid: file.pid },
    stop: () => stopLocalBroker(directory),
  };
}

/** Where the broker listens that runs over a folder, as `host:port`; undefined where none runs. */
export async function runningLocalBroker(directory: string): Promise<string | undefined> {
  const running = await runningBroker(directory);
  return running && `127.0.0.1:${running.port}`;
}

/** Stops the broker that runs over a folder, if one does. */
export async function stopLocalBroker(directory: string): Promise<void> {
  const running = await runningBroker(directory);
  if (running) await end(running.pid);
  await rm(join(directory, 'broker.json'), { force: true });
}

/** Where a broker listens and how. */
interface Launch {
  port: number;
  controllerPort: number;
  security: BrokerSecurity | undefined;
}

async function launch(directory: string, port: number, security?: BrokerSecurity): Promise<BrokerFile> {
  const pom = await readFile(POM);
  const jars = await brokerJars(createHash('sha256').update(pom).digest('hex').slice(0, 12));
  await mkdir(directory, { recursive: true });
  const properties = join(directory, 'server.properties');
  const lines = settings(directory, { port, security, controllerPort: await freePort() });
  await writeFile(properties, `${lines.join('\n')}\n`, { mode: 0o600 });
  await writeFile(join(directory, 'log4j2.xml'), LOG_TO_STDOUT);
  const java = ['-cp', join(jars.directory, '*'), `-Dlog4j2.configurationFile=${join(directory, 'log4j2.xml')}`];
  if (!existsSync(join(directory, 'data', 'meta.properties'))) {
    const clusterId = randomBytes(16).toString('base64url');
    // Joined by a sign: one id in 64 begins with a dash, and would be read as another option.
    const format = ['kafka.tools.StorageTool', 'format', `--cluster-id=${clusterId}`, '-c', properties];
    await runProgram('java', [...java, ...format, ...userToMake(security)]);
  }
  const logFile = join(directory, 'broker.log');
  const log = await open(logFile, 'w');
  const child = spawn('java', [HEAP, ...java, 'kafka.Kafka', properties], {
    ...{ detached: true, stdio: ['ignore', log.fd, log.fd], cwd: directory },
  });
  child.unref();
  await once(child, 'spawn')
    .catch((error: unknown) => {
      throw notInstalled('java', error);
    })
    .finally(() => log.close());
  const { pid = 0 } = child;
  const file = { pid, port, version: jars.version };
  // Under its final name it is whole, whenever this process dies.
  await writeFile(join(directory, 'broker.json.new'), JSON.stringify(file));
  await rename(join(directory, 'broker.json.new'), join(directory, 'broker.json'));
  await untilStarted(logFile, pid);
  return file;
}

async function untilStarted(logFile: string, pid: number): Promise<void> {
  const deadline = performance.now() + START_WITHIN_MS;
  while (performance.now() < deadline) {
    const log = await readFile(logFile, 'utf8');
    if (STARTED.test(log)) return;
    if (!isAlive(pid)) break;
    await pause(POLL_MS);
  }
  const log = await readFile(logFile, 'utf8');
  await end(pid);
  throw new Error(`the broker did not start; its log ends with:\n${log.slice(-2_000)}`);
}

async function runningBroker(directory: string): Promise<BrokerFile | undefined> {
  const text = await readFile(join(directory, 'broker.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const file = JSON.parse(text) as BrokerFile;
  // The pid may be another process's by now; only a broker has its folder as its own.
  const command = await readFile(`/proc/${file.pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes(join(directory, 'server.properties')) ? file : undefined;
}

async function end(pid: number): Promise<void> {
  for (const name of ['SIGTERM', 'SIGKILL'] as const) {
    const deadline = performance.now() + STOP_WITHIN_MS;
    signal(pid, name);
    while (isAlive(pid) && performance.now() < deadline) await pause(POLL_MS);
  }
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended already, which is what was wanted.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** One node that is broker and controller, with what several would hold held once, and groups that form at once. */
function settings(directory: string, { port, controllerPort, security }: Launch): string[] {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(directory, 'data')}`,
    'auto.create.topics.enable=false',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=3',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'share.coordinator.state.topic.replication.factor=1',
    'share.coordinator.state.topic.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    `listeners=CLIENTS://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=CLIENTS://127.0.0.1:${port}`,
    'inter.broker.listener.name=CLIENTS',
    `listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENTS:${security ? 'SASL_SSL' : 'PLAINTEXT'}`,
    ...(security ? securitySettings(security) : []),
  ];
}

const MECHANISM = 'SCRAM-SHA-512';
const MODULES = 'org.apache.kafka.common.security';

function securitySettings({ certificateFile, clientAuthorityFile, username, password }: BrokerSecurity): string[] {
  const login = `username="${username}" password="${password}"`;
  const module = 'sasl.jaas.config';
  return [
    `sasl.enabled.mechanisms=${MECHANISM},PLAIN`,
    `sasl.mechanism.inter.broker.protocol=${MECHANISM}`,
    `listener.name.clients.${MECHANISM.toLowerCase()}.${module}=${MODULES}.scram.ScramLoginModule required ${login};`,
    `listener.name.clients.plain.${module}=${MODULES}.plain.PlainLoginModule required user_${username}="${password}";`,
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${certificateFile}`,
    // A broker that would not trust itself as another broker does not start.
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${clientAuthorityFile ?? certificateFile}`,
    // Without the listener's name Kafka passes over it where there is a login.
    `listener.name.clients.ssl.client.auth=${clientAuthorityFile === undefined ? 'none' : 'required'}`,
  ];
}

/** The flags of the format that make who may log in: before the broker runs nobody could, and afterwards only who can. */
function userToMake(security: BrokerSecurity | undefined): string[] {
  if (security === undefined) return [];
  return ['--add-scram', `${MECHANISM}=[name=${security.username},password=${security.password}]`];
}

const LOG_TO_STDOUT = `<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders>
    <Console name="stdout"><PatternLayout pattern="%d %p %c: %m%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="stdout"/></Root>
  </Loggers>
</Configuration>
`;
