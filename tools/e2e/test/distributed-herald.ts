import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import * as dispatchService from '@herald/dispatch-service';
import { serviceTokens, type ServiceName } from '@herald/grpc';
import { makeToken, openHome, startDistributed, TWO_OF_EACH, type KeptProcess } from '@herald/herald-cli';
import { ISSUER_DEFAULT, startInOrder } from '@herald/service';
import { testDatabase } from '@herald/testing';
import { callersOf, type RunningHerald, type Tokens } from './running-herald';

const TOKEN_SECONDS = 3_600;
/** What a story waits for is no trouble; what is goes into the output of the run. */
const LOGGED = { HERALD_LOG_LEVEL: 'warn' };

/** All of Herald in many processes, with those of dispatch in reach. */
export interface DistributedHerald extends RunningHerald {
  senders: readonly KeptProcess[];
}

/**
 * Starts two processes of each service over an Apache Kafka of their own, with a simulator, on a home in a temporary
 * folder. They inherit `variables` and nothing else. Stopping ends every process and removes the home.
 */
export async function distributedHerald(variables: Readonly<Record<string, string>> = {}): Promise<DistributedHerald> {
  const parts = startInOrder();
  const home = await mkdtemp(join(tmpdir(), 'herald-e2e-'));
  await parts.add(async () => ({ stop: () => rm(home, { recursive: true, force: true }) }));
  const test = await parts.add(async () => {
    const database = await testDatabase({ service: 'dispatch', migrations: dispatchService.migrations });
    return { ...database, stop: () => database.close() };
  });
  const { file, processes } = await parts.add(() =>
    startDistributed({
      ...{ home, portBase: 0, replicas: TWO_OF_EACH },
      environment: { HERALD_DATABASE_URL: test.url },
      inherited: { ...LOGGED, ...variables },
      simulator: { faults: '', outcomes: 'delivered=1' },
    }),
  );
  const tokens = await tokensOf(home);
  const { url = '', control: controlUrl = '' } = file.simulator ?? {};
  const doors = { tokens, urls: file.services, simulator: { url, controlUrl } };
  const callers = await callersOf(parts, { ...doors, tls: file.tls });
  const credentialsOf = (who: ServiceName | 'user') =>
    who === 'user' ? secured(file.tls?.certFile ?? '', home) : secured(join(home, 'tls', `${who}.pem`), home);
  const senders = [...processes.values()].filter(({ name }) => name.startsWith('dispatch'));
  return { ...doors, ...callers, credentialsOf, test, senders, stop: () => parts.stop() };
}

/** What somebody calls with who has this file, of a certificate and its key. */
function secured(certFile: string, home: string): ChannelCredentials {
  const own = readFileSync(certFile);
  return credentials.createSsl(readFileSync(join(home, 'tls', 'authority.pem')), own, own);
}

/** Tokens by the keys that the system made in its home. */
async function tokensOf(directory: string): Promise<Tokens> {
  const home = await openHome(directory);
  return {
    userToken: ({ org, scopes, subject = 'tester' }) =>
      makeToken(directory, {}, { user: { org, scopes, subject }, seconds: TOKEN_SECONDS }),
    serviceToken: (service, org) =>
      serviceTokens({
        ...{ service, privateKey: home.serviceKeys[service] },
        ...{ issuer: ISSUER_DEFAULT, audience: ISSUER_DEFAULT },
      }).token(org),
  };
}
