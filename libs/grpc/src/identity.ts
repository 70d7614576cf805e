import { v5 as uuidv5, validate } from 'uuid';

/** What a user's token may allow; a token carries any number of them, separated by spaces. */
export const SCOPES = ['send', 'read', 'configure', 'agent', 'supervisor', 'operator'] as const;

/** One of the things a user's token may allow. */
export type Scope = (typeof SCOPES)[number];

/** The services that call each other, by the name in the subject of their tokens. */
export const SERVICE_NAMES = ['template', 'configuration', 'dispatch', 'conversation', 'gateway'] as const;

/** The name of a service as it stands in its tokens. */
export type ServiceName = (typeof SERVICE_NAMES)[number];

/** Who calls, proven by a token: a user of an organisation, or one of our services on behalf of one (or of none). */
export type Caller =
  | { kind: 'user'; org: string; subject: string; scopes: ReadonlySet<Scope> }
  | { kind: 'service'; service: ServiceName; org: string | undefined };

/** Who calls, as one text: a user's subject, or a service by a prefix that no user's key can sign. */
export function nameOfCaller(caller: Caller): string {
  return caller.kind === 'user' ? caller.subject : `${SERVICE_SUBJECT_PREFIX}${caller.service}`;
}

/** The subject of a service's token is this and its name; no user's key can sign such a token. */
export const SERVICE_SUBJECT_PREFIX = 'service:';

/** Fixed for ever: another namespace would give every organisation without a uuid another identity. */
const ORG_NAMESPACE = '6f3a7c1e-58d4-4b0e-9c57-2f1d8a9be640';

/** The organisation as a uuid: a claim that is one stays as it is, any other becomes uuidv5 of its exact text. */
export function organisationId(claim: string): string {
  return validate(claim) ? claim.toLowerCase() : uuidv5(claim, ORG_NAMESPACE);
}

/** Tells whether a text of a scope claim is a scope; unknown ones are ignored, so that an issuer may add its own. */
export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** Tells whether a text names one of our services. */
export function isServiceName(text: string): text is ServiceName {
  return (SERVICE_NAMES as readonly string[]).includes(text);
}
