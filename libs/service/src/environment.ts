import { parsePlan } from '@herald/failpoints';
import { isTrustDomain } from '@herald/grpc';
import { z } from 'zod';

const PORT_MAX = 65_535;
/** How far above its base the one-process system takes ports, with room for some more. */
const PORTS_ABOVE_BASE = 50;
const portBase = z.coerce
  .number()
  .int()
  .min(1)
  .max(PORT_MAX - PORTS_ABOVE_BASE);
const address = z
  .string()
  .regex(/^[^\s/]+:\d{1,5}$/, 'must be host:port')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= PORT_MAX, 'has a port there is none of');
/** What a client calls: one address, a name that stands for all replicas, or a list of their addresses. */
const target = z
  .string()
  .regex(
    /^(?:dns:\/\/\/)?[^\s/,]+:\d{1,5}$|^ipv4:[\d.]+:\d{1,5}(?:,[\d.]+:\d{1,5})*$/,
    'must be host:port, dns:///host:port, or ipv4:address:port,address:port',
  )
  .refine((text) => [...text.matchAll(/:(\d+)(?=,|$)/g)].every(([, port]) => Number(port) <= PORT_MAX), {
    error: 'has a port there is none of',
  });
const connections = z.coerce.number().int().min(1).max(60);
const brokers = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .pipe(z.array(address));
const httpUrl = z.url({ protocol: /^https?$/ });
const postgresUrl = z.url({ protocol: /^postgres(?:ql)?$/ });
const file = z.string().min(1);
/** A message may wait 35 days to be ready and is valid for 7 more; ten years are for ever. */
const daysKept = z.coerce.number().int().min(45).max(3_660);
const onOrOff = z.enum(['on', 'off']);

function checkFailpoints(text: string, context: z.RefinementCtx): void {
  try {
    if (!text.startsWith('@')) parsePlan(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'wrong form' });
  }
}

/**
 * Every environment variable of Herald: what it is for, its form, and what holds when it is not set. Secrets are named
 * by files. The standard OTEL_* variables are read besides.
 */
export const ENVIRONMENT = {
  HERALD_HOME: row('~/.herald', 'where the one-process system keeps its data, and the command line finds it', file),
  HERALD_PORT_BASE: row('50050', 'the port below those of the one-process system', portBase),
  HERALD_DATABASE_URL: row(
    'the PostgreSQL that npm brought',
    'a PostgreSQL to use, with a role that may make roles',
    postgresUrl,
  ),
  HERALD_TEMPLATE_DATABASE_URL: row('HERALD_DATABASE_URL', 'the database of template-service', postgresUrl),
  HERALD_CONFIGURATION_DATABASE_URL: row('HERALD_DATABASE_URL', 'the database of configuration-service', postgresUrl),
  HERALD_DISPATCH_DATABASE_URL: row('HERALD_DATABASE_URL', 'the database of dispatch-service', postgresUrl),
  HERALD_POOL_MAX: row('12', "connections that a service's process has for calls, at most 60", connections),
  HERALD_WORKER_POOL_MAX: row('8', 'connections that it has for its workers, at most 60', connections),
  HERALD_KAFKA_BROKERS: row(
    'the event bus is in the process',
    'brokers of an Apache Kafka that carries the events, as host:port, separated by commas',
    brokers,
  ),
  HERALD_KAFKA_TLS: row('off', 'whether the brokers are spoken to over TLS: on or off', onOrOff),
  HERALD_KAFKA_CA_FILE: row('the authorities that Node knows', "the authority of the brokers' certificates", file),
  HERALD_KAFKA_CERT_FILE: row('none', 'a certificate to show to the brokers', file),
  HERALD_KAFKA_KEY_FILE: row('none', 'its key', file),
  HERALD_KAFKA_SASL_MECHANISM: row(
    'none',
    'how to log in at the brokers: plain, scram-sha-256 or scram-sha-512',
    z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
  ),
  HERALD_KAFKA_USERNAME: row('none', 'as whom to log in there', z.string().min(1)),
  HERALD_KAFKA_PASSWORD_FILE: row('none', 'a file with the password for it', file),
  HERALD_PUBLIC_URL: row(
    'http://127.0.0.1 and the port of the gateway',
    'what providers reach the webhook gateway by',
    httpUrl,
  ),
  HERALD_MASTER_KEY_FILE: row(
    'a file under the home, made at the first start',
    'a file with the 32 bytes that seal credentials, in hexadecimal',
    file,
  ),
  HERALD_JWT_ISSUER: row('herald', 'the issuer that tokens must name', z.string().min(1)),
  HERALD_JWT_AUDIENCE: row('herald', 'the audience that tokens must name', z.string().min(1)),
  HERALD_JWKS_URL: row('the keys under the home', "where the public keys of users' tokens are", httpUrl),
  HERALD_SERVICE_KEY_FILE: row(
    'a key under the home',
    "a file with the private key by which a service's process signs its tokens, as a JWK for ES256",
    file,
  ),
  HERALD_SERVICE_KEY_SET_FILE: row(
    'the keys under the home',
    "a file with the public keys of all services' processes, as a JWK set",
    file,
  ),
  HERALD_GRPC_ADDRESS: row('0.0.0.0:50051', "where a service's process listens for calls", address),
  HERALD_HTTP_ADDRESS: row('0.0.0.0:8080', "where the webhook gateway's process listens for providers", address),
  HERALD_INTERNAL_ADDRESS: row(
    '0.0.0.0:50090',
    'where a process listens for whoever runs it: health and channelz in plain text, of the gateway /healthz and /readyz',
    address,
  ),
  HERALD_METRICS_ADDRESS: row('0.0.0.0:9464', 'where Prometheus finds the metrics of a process', address),
  HERALD_TLS_CERT_FILE: row('plain text', "a service's certificate, in PEM", file),
  HERALD_TLS_KEY_FILE: row('plain text', 'its key, in PEM', file),
  HERALD_TLS_CA_FILE: row('callers need no certificate', 'the authority of all certificates, in PEM', file),
  HERALD_TLS_TRUST_DOMAIN: row(
    'certificates name hosts',
    'the trust domain of the SPIFFE identities by which services know each other',
    z.string().refine(isTrustDomain),
  ),
  HERALD_REFLECTION: row(
    'on in one process, else off',
    'whether the servers tell which services they have: on or off',
    onOrOff,
  ),
  HERALD_SHARDS: row(
    '12',
    'into how many shards organisations are spread; fixed at installation',
    z.coerce.number().int().min(1).max(1_024),
  ),
  HERALD_OUTCOME_LOOKUP_SECONDS: row(
    '300',
    'how long an unknown outcome waits for word of the provider before the provider is asked, 1 to 3600 seconds',
    z.coerce.number().int().min(1).max(3_600),
  ),
  HERALD_ACCOUNT_REQUESTS_MAX: row(
    '100',
    'how many requests to one account of a provider dispatch-service may have under way at once',
    z.coerce.number().int().min(1).max(1_000),
  ),
  HERALD_MESSAGE_RETENTION_DAYS: row(
    '400',
    'how many days after its month a message is kept, with its request and all that is known of it; 45 to 3,660',
    daysKept,
  ),
  HERALD_BODY_RETENTION_DAYS: row(
    '90',
    "how many days after its month a message's address and text are kept, if the message is; 45 to 3,660",
    daysKept,
  ),
  HERALD_LOG_LEVEL: row(
    'info',
    'how much is logged: debug, info, warn, error or silent',
    z.enum(['debug', 'info', 'warn', 'error', 'silent']),
  ),
  HERALD_FAILPOINTS: row(
    'none',
    'where the process is hurt on purpose, as libs/failpoints says, or @ and a file that does; never in production',
    z.string().superRefine(checkFailpoints),
  ),
  HERALD_FAILPOINTS_REPORT: row('nowhere', 'a file with a line for each time that it was', file),
  HERALD_TEMPLATE_URL: row('from the home', 'where others find template-service; all its replicas', target),
  HERALD_CONFIGURATION_URL: row('from the home', 'where others find configuration-service; all its replicas', target),
  HERALD_DISPATCH_URL: row('from the home', 'where others find dispatch-service; all its replicas', target),
  HERALD_TOKEN_FILE: row(
    'a token by the keys under the home',
    'a file with the token that the command line calls with',
    file,
  ),
} as const;

/** The name of a variable. */
export type EnvironmentName = keyof typeof ENVIRONMENT;

/** The variables that are set, read. */
export type Environment = { readonly [Name in EnvironmentName]?: z.infer<(typeof ENVIRONMENT)[Name]['form']> };

/** What is wrong with the environment, all of it: a line for each fault. No value is repeated: it may be a secret. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/** Names under the same prefix that belong to others: the tests, and whoever starts them. */
const NOT_OURS = /^HERALD_TEST/;

/** Reads the variables. A name that looks like ours and is none is a fault too: it would be a setting without effect. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const faults: string[] = [];
  const read: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('HERALD_') || NOT_OURS.test(name) || value === undefined || value === '') continue;
    if (!Object.hasOwn(ENVIRONMENT, name)) {
      faults.push(`${name} is no variable of Herald.`);
      continue;
    }
    const { form, text } = ENVIRONMENT[name as EnvironmentName];
    const parsed = form.safeParse(value);
    if (parsed.success) read[name] = parsed.data;
    else faults.push(`${name} cannot be used: ${parsed.error.issues[0]?.message ?? 'wrong form'}. It is ${text}.`);
  }
  if (faults.length > 0) throw new EnvironmentError(faults.join('\n'));
  return read;
}

function row<Form extends z.ZodType>(byDefault: string, text: string, form: Form) {
  return { byDefault, text, form };
}
