import { isServing, SERVICE_NAMES, type Scope, type ServiceName } from '@herald/grpc';
import type { Environment } from '@herald/service';
import { AdviceError } from '../advice-error';
import { connect, type Located } from '../client/connect';
import { openDeadLetters } from '../system/open-dead-letters';
import type { Facts } from './judge-status';

const ANSWER_WITHIN_MS = 2_000;

/** Who asks, and where. */
export interface StatusQuestion {
  home: string;
  environment: Environment;
  org: string;
  scopes: readonly Scope[];
}

/** Asks all services of a system, and where its dead letters lie. Whatever fails is an answer too. */
export async function askStatus(question: StatusQuestion, located: Located): Promise<Facts> {
  const [doors, dispatch, deadLetters] = await Promise.all([
    askDoors(located, question.environment),
    askDispatch(question),
    countDeadLetters(question),
  ]);
  return { doors, dispatch, deadLetters };
}

async function askDoors({ urls, tls, running }: Located, environment: Environment): Promise<Facts['doors']> {
  const services = Object.entries(urls).flatMap(([name, url]) =>
    replicasOf(url).map(async (address) => ({ name, address, isServing: await asks(name, address, tls) })),
  );
  const publicUrl = environment.HERALD_PUBLIC_URL ?? running?.publicUrl;
  return Promise.all([...services, ...(publicUrl === undefined ? [] : [askGateway(publicUrl)])]);
}

function asks(name: string, address: string, tls: Located['tls']): Promise<boolean> {
  const service = SERVICE_NAMES.find((known) => known === name) as ServiceName;
  return isServing(address, ANSWER_WITHIN_MS, { service, tls });
}

/** A list of replicas is asked one by one; of what a resolver knows, one answers for all. */
function replicasOf(url: string): string[] {
  return url.startsWith('ipv4:') ? url.slice('ipv4:'.length).split(',') : [url];
}

/** The door of providers answers everybody, if only that it has no such page. */
async function askGateway(publicUrl: string): Promise<Facts['doors'][number]> {
  const answers = await fetch(publicUrl, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) }).then(
    ({ status }) => status < 500,
    () => false,
  );
  return { name: 'gateway', address: publicUrl, isServing: answers };
}

async function askDispatch({ home, environment, org, scopes }: StatusQuestion): Promise<Facts['dispatch']> {
  try {
    const connection = await connect(home, environment, { org, scopes, subject: 'herald' });
    try {
      return await connection.dispatch.getDispatchStatus({}, { deadlineMs: ANSWER_WITHIN_MS });
    } finally {
      connection.close();
    }
  } catch (error) {
    return { failure: textOf(error) };
  }
}

async function countDeadLetters({ home, environment }: StatusQuestion): Promise<Facts['deadLetters']> {
  try {
    const desk = await openDeadLetters(home, environment);
    try {
      return (await desk.read({}, { size: 1 })).total;
    } finally {
      await desk.close();
    }
  } catch (error) {
    // All else is a bus that does not answer: its services tell of it too.
    return { failure: error instanceof AdviceError ? error.message : `the bus does not answer: ${textOf(error)}` };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
