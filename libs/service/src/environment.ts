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
const brokers = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .pipe(z.array(address));
const httpUrl = z.url({ protocol: /^https?$/ });
const postgresUrl = z.url({ protocol: /^postgres(?:ql)?$/ });
const file = z.string().min(1);

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
  HERALD_KAFKA_BROKERS: row(
    'the event bus is in the process',
    'brokers of an Apache Kafka that carries the events, as host:port, separated by commas',
    brokers,
  ),
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
  HERALD_REFLECTION: row('on', 'whether the servers tell which services they have: on or off', z.enum(['on', 'off'])),
  HERALD_SHARDS: row(
    '12',
    'into how many shards organisations are spread; fixed at installation',
    z.coerce.number().int().min(1).max(1_024),
  ),
  HERALD_LOG_LEVEL: row(
    'info',
    'how much is logged: debug, info, warn, error or silent',
    z.enum(['debug', 'info', 'warn', 'error', 'silent']),
  ),
  HERALD_TEMPLATE_URL: row('from the home', 'where the command line finds template-service', address),
  HERALD_CONFIGURATION_URL: row('from the home', 'where the command line finds configuration-service', address),
  HERALD_DISPATCH_URL: row('from the home', 'where the command line finds dispatch-service', address),
  HERALD_TOKEN_FILE: row(
    'a token by the keys under the home',
    'a file with the token that the command line calls with',
    file,
  ),
} as const;

/** The name of a variable. */
type EnvironmentName = keyof typeof ENVIRONMENT;

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
