import assert from 'node:assert';
import { HeraldError } from '@herald/errors';
import type { Caller, Scope, ServiceName } from './identity';
import { unauthenticated } from './token-verifier';

/** Who may call one RPC: users with any one of the scopes, and the services named. `withoutOrg` admits a service token for none. */
export interface Access {
  scopes?: readonly Scope[];
  services?: readonly ServiceName[];
  withoutOrg?: boolean;
}

/** The names of the RPCs of a generated service definition or server interface. */
type RpcNames<S> = keyof { [K in keyof S as string extends K ? never : number extends K ? never : K]: true };

/** Who may call each RPC of a service: one that is missing does not compile. */
export type AccessTable<S> = { readonly [method in RpcNames<S>]: Access };

/** Throws unless the caller may use the method. It looks at the token alone, never at what the call asks for. */
export function authorise(caller: Caller, access: Access, method: string): void {
  if (caller.kind === 'user') return authoriseUser(caller.scopes, access.scopes ?? [], method);
  if (!(access.services ?? []).includes(caller.service)) throw callerNotAllowed(method);
  if (caller.org === undefined && access.withoutOrg !== true) throw unauthenticated('ORGANISATION_MISSING');
}

/** The organisation a caller works for. Throws UNAUTHENTICATED where a service's token names none. */
export function organisationOf(caller: Caller): string {
  if (caller.org === undefined) throw unauthenticated('ORGANISATION_MISSING');
  return caller.org;
}

function authoriseUser(held: ReadonlySet<Scope>, sufficient: readonly Scope[], method: string): void {
  if (sufficient.length === 0) throw callerNotAllowed(method);
  if (sufficient.some((scope) => held.has(scope))) return;
  const scopes = sufficient.join(' ');
  throw new HeraldError('SCOPE_MISSING', `The token needs one of these scopes: ${scopes}.`, {
    metadata: { method, scopes },
  });
}

function callerNotAllowed(method: string): HeraldError {
  return new HeraldError('CALLER_NOT_ALLOWED', 'This caller may not use this method. Call it as one that may.', {
    metadata: { method },
  });
}

/** Fails at start where an access table and its service do not name the same RPCs, or a row admits nobody. */
export function assertComplete(serviceName: string, rpcs: readonly string[], access: Record<string, Access>): void {
  for (const rpc of rpcs) {
    const row = Object.hasOwn(access, rpc) ? access[rpc] : undefined;
    assert(row !== undefined, `${serviceName}: the access table has no row for ${rpc}`);
    const admitted = (row.scopes?.length ?? 0) + (row.services?.length ?? 0);
    assert(admitted > 0, `${serviceName}: nobody may call ${rpc}`);
  }
  for (const name of Object.keys(access)) {
    assert(rpcs.includes(name), `${serviceName}: the access table names ${name}, which is no RPC of it`);
  }
}
