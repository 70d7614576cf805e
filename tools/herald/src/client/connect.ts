import { readFile } from 'node:fs/promises';
import { importJWK, SignJWT } from 'jose';
import { AuditServiceClient } from '@herald/contracts/audit';
import { ConfigurationServiceClient } from '@herald/contracts/configuration';
import { DispatchServiceClient } from '@herald/contracts/dispatch';
import { TemplateServiceClient } from '@herald/contracts/template';
import { grpcClient, type PromiseClient, type Scope, type TlsFiles } from '@herald/grpc';
import { ISSUER_DEFAULT, tlsOf, type Environment } from '@herald/service';
import { AdviceError } from '../advice-error';
import { issuerKeyOf } from '../system/home';
import { isAlive } from '../system/is-alive';
import { readSystemFile, type SystemFile } from '../system/system-file';

/** The services of a running Herald, called as one user. */
export interface Connection {
  template: PromiseClient<TemplateServiceClient>;
  configuration: PromiseClient<ConfigurationServiceClient>;
  dispatch: PromiseClient<DispatchServiceClient>;
  /** The audit log of each. */
  audit: Readonly<Record<AuditedService, PromiseClient<AuditServiceClient>>>;
  close(): void;
}

/** The services that keep an audit log. */
export const AUDITED_SERVICES = ['template', 'configuration', 'dispatch'] as const;

/** One of the services that keep an audit log. */
export type AuditedService = (typeof AUDITED_SERVICES)[number];

/** Who calls. */
export interface User {
  org: string;
  scopes: readonly Scope[];
  subject: string;
}

/** How long a token of the command line lives; it is made anew for each command. */
const TOKEN_SECONDS = 3_600;
/** Accepting a request of a hundred contacts on a busy machine takes a moment. */
const CALL_MS = 30_000;

/** Where the services of a system are, as far as anybody told. */
export interface Located {
  urls: Readonly<Partial<Record<keyof SystemFile['services'], string>>>;
  tls: TlsFiles | undefined;
  /** What the system of the home wrote, if it runs. */
  running: SystemFile | undefined;
}

/** Finds the services that the environment names, or those of the system of the home. */
export async function locate(home: string, environment: Environment): Promise<Located> {
  const { HERALD_TEMPLATE_URL, HERALD_CONFIGURATION_URL, HERALD_DISPATCH_URL } = environment;
  const file = await readSystemFile(home);
  // One that was killed left its addresses behind, where nobody answers.
  const running = file !== undefined && isAlive(file.pid) ? file : undefined;
  const named = {
    template: HERALD_TEMPLATE_URL,
    configuration: HERALD_CONFIGURATION_URL,
    dispatch: HERALD_DISPATCH_URL,
  };
  const told = Object.entries(named).filter(([, url]) => url !== undefined);
  return {
    urls: { ...running?.services, ...Object.fromEntries(told) },
    tls: tlsOf(environment) ?? running?.tls,
    running,
  };
}

/** Connects to the services the environment names, or to the system of the home. Throws AdviceError when there is none. */
export async function connect(home: string, environment: Environment, user: User): Promise<Connection> {
  const { urls: known, tls } = await locate(home, environment);
  const urlOf = (service: AuditedService): string => {
    const url = known[service];
    if (url !== undefined) return url;
    throw new AdviceError(
      `No Herald runs in ${home}. Start one with "npm start", name its --home, or set HERALD_${service.toUpperCase()}_URL.`,
    );
  };
  const urls = {
    template: urlOf('template'),
    configuration: urlOf('configuration'),
    dispatch: urlOf('dispatch'),
  };
  const made = await tokenOf(home, environment, user);
  return openConnection({ urls, tls, token: () => Promise.resolve(made) });
}

/** Where the services are, and by what right and proof they are called. */
interface ConnectionSettings {
  urls: Readonly<Record<AuditedService, string>>;
  token: () => Promise<string>;
  tls: TlsFiles | undefined;
}

/** Opens the clients of a caller. */
export function openConnection({ urls, token, tls }: ConnectionSettings): Connection {
  const settings = (service: AuditedService) => ({
    ...{ service, url: urls[service], token, deadlineMs: CALL_MS },
    ...(tls === undefined ? {} : { tls }),
  });
  const template = grpcClient(TemplateServiceClient, settings('template'));
  const configuration = grpcClient(ConfigurationServiceClient, settings('configuration'));
  const dispatch = grpcClient(DispatchServiceClient, settings('dispatch'));
  const audit = {
    template: grpcClient(AuditServiceClient, settings('template')),
    configuration: grpcClient(AuditServiceClient, settings('configuration')),
    dispatch: grpcClient(AuditServiceClient, settings('dispatch')),
  };
  return {
    template,
    configuration,
    dispatch,
    audit,
    close: () => {
      for (const client of [template, configuration, dispatch, ...Object.values(audit)]) client.close();
    },
  };
}

/** The token of the file that the environment names, or one by the key of the home. */
async function tokenOf(home: string, environment: Environment, user: User): Promise<string> {
  const { HERALD_TOKEN_FILE: file } = environment;
  if (file === undefined) return makeToken(home, environment, { user, seconds: TOKEN_SECONDS });
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text !== undefined) return text.trim();
  throw new AdviceError(`${file} cannot be read. Let HERALD_TOKEN_FILE name a file with a token, or unset it.`);
}

/** Signs a user's token with the key of a home. Throws AdviceError where there is none. */
export async function makeToken(
  home: string,
  environment: Environment,
  { user, seconds }: { user: User; seconds: number },
): Promise<string> {
  const issuerKey = await issuerKeyOf(home);
  return new SignJWT({ org: user.org, scope: user.scopes.join(' ') })
    .setProtectedHeader({ alg: 'ES256', kid: issuerKey.kid ?? '', typ: 'JWT' })
    .setSubject(user.subject)
    .setIssuer(environment.HERALD_JWT_ISSUER ?? ISSUER_DEFAULT)
    .setAudience(environment.HERALD_JWT_AUDIENCE ?? ISSUER_DEFAULT)
    .setIssuedAt()
    .setExpirationTime(`${seconds}s`)
    .sign(await importJWK(issuerKey, 'ES256'));
}
