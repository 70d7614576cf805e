import { hostname } from 'node:os';
import type { KafkaConnection } from '@herald/bus';
import type { ServiceName, TlsFiles } from '@herald/grpc';
import type { DatabaseConfig, GrpcConfig, IdentityConfig } from './config';
import { EnvironmentError, readEnvironment, type Environment, type EnvironmentName } from './environment';
import { readSecret, readServiceKey, readServiceKeySet } from './secrets';

/** The issuer and audience of tokens where the environment names no other. */
export const ISSUER_DEFAULT = 'herald';
/** Into how many shards organisations are spread where the environment does not say. */
export const SHARDS_DEFAULT = 12;

const GRPC_ADDRESS_DEFAULT = '0.0.0.0:50051';
const INTERNAL_ADDRESS_DEFAULT = '0.0.0.0:50090';
const METRICS_ADDRESS_DEFAULT = '0.0.0.0:9464';
const POOL_MAX_DEFAULT = 12;
const WORKER_POOL_MAX_DEFAULT = 8;

/** What every service's process needs of its environment. */
const NEEDED = ['HERALD_SERVICE_KEY_FILE', 'HERALD_SERVICE_KEY_SET_FILE', 'HERALD_JWKS_URL'] as const;
/** The variable of each service's own database; the others have none. */
const DATABASE_VARIABLES = {
  template: 'HERALD_TEMPLATE_DATABASE_URL',
  configuration: 'HERALD_CONFIGURATION_DATABASE_URL',
  dispatch: 'HERALD_DISPATCH_DATABASE_URL',
} as const satisfies Partial<Record<ServiceName, EnvironmentName>>;

/** An environment in which these variables are set. */
type Complete<Name extends EnvironmentName> = Environment & Required<Pick<Environment, Name>>;

/** What a service's process is told by its environment. */
export interface ServiceSettings<Need extends EnvironmentName> {
  environment: Complete<Need>;
  identity: IdentityConfig;
  tls: TlsFiles | undefined;
  grpc: GrpcConfig;
  /** Where it listens for whoever runs it. */
  internalAddress: string;
  metricsAddress: string;
  /** The service's own database; of one that stores nothing it is not to be used. */
  database: DatabaseConfig;
  kafka: KafkaConnection;
  shards: number;
  /** Names the process among the replicas of its service. */
  instance: string;
}

/**
 * Reads what a service's process is started with, and the files that its environment names. `needs` are variables that
 * this service cannot do without. Throws EnvironmentError with all that is missing.
 */
export async function readServiceSettings<Need extends EnvironmentName>(
  service: ServiceName,
  env: Readonly<Record<string, string | undefined>>,
  needs: readonly Need[],
): Promise<ServiceSettings<Need>> {
  const environment = readEnvironment(env);
  assertComplete(service, environment, [...NEEDED, ...needs]);
  const { HERALD_POOL_MAX: poolMax, HERALD_WORKER_POOL_MAX: workerPoolMax } = environment;
  const identity = await identityOf(environment as Complete<(typeof NEEDED)[number]>);
  const tls = tlsOf(environment);
  const internalAddress = environment.HERALD_INTERNAL_ADDRESS ?? INTERNAL_ADDRESS_DEFAULT;
  return {
    ...{ environment, identity, tls, internalAddress },
    grpc: {
      address: environment.HERALD_GRPC_ADDRESS ?? GRPC_ADDRESS_DEFAULT,
      ...{ internalAddress, identity, reflection: environment.HERALD_REFLECTION === 'on' },
      ...(tls === undefined ? {} : { tls }),
    },
    metricsAddress: environment.HERALD_METRICS_ADDRESS ?? METRICS_ADDRESS_DEFAULT,
    database: {
      url: databaseUrlOf(service, environment) ?? '',
      poolMax: poolMax ?? POOL_MAX_DEFAULT,
      workerPoolMax: workerPoolMax ?? WORKER_POOL_MAX_DEFAULT,
    },
    kafka: await kafkaConnectionOf(environment, `herald-${service}`),
    shards: environment.HERALD_SHARDS ?? SHARDS_DEFAULT,
    instance: `${hostname()}-${process.pid}`,
  };
}

function assertComplete<Need extends EnvironmentName>(
  service: ServiceName,
  environment: Environment,
  needed: readonly Need[],
): asserts environment is Complete<Need> {
  const missing: string[] = needed.filter((name) => environment[name] === undefined);
  if (isStored(service) && databaseUrlOf(service, environment) === undefined)
    missing.push(`HERALD_DATABASE_URL or ${DATABASE_VARIABLES[service]}`);
  if (missing.length === 0) return;
  throw new EnvironmentError(
    missing.map((name) => `${name} is not set, and the process of ${service} needs it.`).join('\n'),
  );
}

function isStored(service: ServiceName): service is keyof typeof DATABASE_VARIABLES {
  return Object.hasOwn(DATABASE_VARIABLES, service);
}

/** The database of a service: its own variable wins over the one for all. */
export function databaseUrlOf(service: ServiceName, environment: Environment): string | undefined {
  return (isStored(service) ? environment[DATABASE_VARIABLES[service]] : undefined) ?? environment.HERALD_DATABASE_URL;
}

async function identityOf(environment: Complete<(typeof NEEDED)[number]>): Promise<IdentityConfig> {
  return {
    issuer: environment.HERALD_JWT_ISSUER ?? ISSUER_DEFAULT,
    audience: environment.HERALD_JWT_AUDIENCE ?? ISSUER_DEFAULT,
    userKeys: { url: environment.HERALD_JWKS_URL },
    serviceKeys: await readServiceKeySet(environment.HERALD_SERVICE_KEY_SET_FILE),
    servicePrivateKey: await readServiceKey(environment.HERALD_SERVICE_KEY_FILE),
  };
}

/** The files of TLS that the environment names, and the trust domain; undefined where it says nothing of it. */
export function tlsOf(environment: Environment): TlsFiles | undefined {
  const files = {
    certFile: environment.HERALD_TLS_CERT_FILE,
    keyFile: environment.HERALD_TLS_KEY_FILE,
    caFile: environment.HERALD_TLS_CA_FILE,
    trustDomain: environment.HERALD_TLS_TRUST_DOMAIN,
  };
  const given = Object.entries(files).filter(([, file]) => file !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** How the brokers are reached, by the environment and the files that it names. Throws EnvironmentError for half a login. */
export async function kafkaConnectionOf(environment: Environment, clientId: string): Promise<KafkaConnection> {
  const { HERALD_KAFKA_BROKERS: brokers = [], HERALD_KAFKA_SASL_MECHANISM: mechanism } = environment;
  const { HERALD_KAFKA_USERNAME: username, HERALD_KAFKA_PASSWORD_FILE: passwordFile } = environment;
  const tls = await kafkaTlsOf(environment);
  const connection = { brokers, clientId, ...(tls === undefined ? {} : { tls }) };
  if (mechanism === undefined) return connection;
  if (username === undefined || passwordFile === undefined)
    throw new EnvironmentError(
      'HERALD_KAFKA_SASL_MECHANISM needs HERALD_KAFKA_USERNAME and HERALD_KAFKA_PASSWORD_FILE.',
    );
  const password = (await readSecret('HERALD_KAFKA_PASSWORD_FILE', passwordFile)).trim();
  return { ...connection, login: { mechanism, username, password } };
}

async function kafkaTlsOf(environment: Environment): Promise<KafkaConnection['tls']> {
  const files = {
    ca: ['HERALD_KAFKA_CA_FILE', environment.HERALD_KAFKA_CA_FILE],
    cert: ['HERALD_KAFKA_CERT_FILE', environment.HERALD_KAFKA_CERT_FILE],
    key: ['HERALD_KAFKA_KEY_FILE', environment.HERALD_KAFKA_KEY_FILE],
  } as const;
  const read: Record<string, string> = {};
  for (const [name, [variable, file]] of Object.entries(files)) {
    if (file !== undefined) read[name] = await readSecret(variable, file);
  }
  const isWanted = environment.HERALD_KAFKA_TLS === 'on' || Object.keys(read).length > 0;
  return isWanted ? read : undefined;
}
