import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Scope, ServiceName, TlsFiles } from '@herald/grpc';
import { makeSampleOrganisation, openConnection, type Connection, type SampleOrganisation } from '@herald/herald-cli';
import type { Parts } from '@herald/service';
import type { TestDatabase, TestIdentity } from '@herald/testing';

/** All of Herald as a story meets it, in one process or in many: a database of its own, a simulator, and its doors. */
export interface RunningHerald {
  /** The database, for a promise about rows. */
  test: TestDatabase;
  tokens: Tokens;
  simulator: { url: string; controlUrl: string };
  urls: ServiceUrls;
  /** What a connection of a caller is made with: of a user, or of a service. */
  credentialsOf(who: ServiceName | 'user'): ChannelCredentials;
  /** The services as one user calls them. */
  as(user: { org: string; scopes?: readonly Scope[]; subject?: string }): Connection;
  /** The services as somebody calls them who says this where a token should stand. */
  withToken(token: () => Promise<string>): Connection;
  /** Makes an organisation that can send. */
  organisation(org: string): Promise<SampleOrganisation>;
  stop(): Promise<void>;
}

/** Tokens that the running Herald believes, of users and of services. */
export type Tokens = Pick<TestIdentity, 'userToken' | 'serviceToken'>;

/** Where each service listens, or all replicas of it, as a client takes it. */
export interface ServiceUrls {
  template: string;
  configuration: string;
  dispatch: string;
  conversation: string;
}

/** What connections are made of. */
export interface Doors {
  tokens: Tokens;
  urls: ServiceUrls;
  simulator: { url: string };
  /** What users show where the services speak TLS. */
  tls?: TlsFiles | undefined;
}

/** The callers of a running Herald; their connections are closed when it stops. */
export async function callersOf(
  parts: Parts,
  { tokens, urls, simulator, tls }: Doors,
): Promise<Pick<RunningHerald, 'as' | 'withToken' | 'organisation'>> {
  const connections: Connection[] = [];
  await parts.add(async () => ({ stop: async () => connections.forEach((connection) => connection.close()) }));
  const withToken: RunningHerald['withToken'] = (token) => {
    const connection = openConnection({ urls, tls, token });
    connections.push(connection);
    return connection;
  };
  const as: RunningHerald['as'] = ({ org, scopes = ['configure', 'send', 'read'], subject = 'ana' }) =>
    withToken(() => tokens.userToken({ org, scopes, subject }));
  const organisation: RunningHerald['organisation'] = (org) =>
    makeSampleOrganisation(as({ org }), { org, simulatorUrl: simulator.url });
  return { as, withToken, organisation };
}
