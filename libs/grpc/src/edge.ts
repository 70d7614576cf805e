import { ServerInterceptingCall, ServerListenerBuilder } from '@grpc/grpc-js';
import type { Metadata, ServerInterceptingCallInterface, ServerInterceptor } from '@grpc/grpc-js';
import { HeraldError } from '@herald/errors';
import { authorise } from './access';
import type { Access } from './access';
import type { CallsUnderWay } from './calls-under-way';
import { refusal } from './edge-error';
import type { OnError } from './edge-error';
import type { Caller } from './identity';
import { METADATA_BYTES_MAX } from './limits';
import { encodeStatus } from './rich-status';
import { serviceNamed } from './service-certificate';
import { unauthenticated } from './token-verifier';
import type { TokenVerifier } from './token-verifier';

const BEARER = /^Bearer ([A-Za-z0-9_\-.]+)$/i;

/** Who stands behind the calls that are under way, by the metadata each came with. */
export type Callers = WeakMap<Metadata, Caller>;

/**
 * The door of a server: no byte of a request is read before its token is verified and its caller may use the method.
 * Paths without a row (health, reflection) are open.
 */
export function door(options: {
  accessByPath: ReadonlyMap<string, Access>;
  identity: TokenVerifier;
  trustDomain: string | undefined;
  callers: Callers;
  onError: OnError;
  underWay: CallsUnderWay;
}): ServerInterceptor {
  const { accessByPath, identity, trustDomain, callers, onError, underWay } = options;
  return ({ path }, call) => {
    const access = accessByPath.get(path);
    if (access === undefined) return new ServerInterceptingCall(call);
    const method = path.slice(1);
    const admit = async (metadata: Metadata): Promise<void> => {
      assertSmall(metadata);
      const caller = await identity.verify(tokenIn(metadata));
      if (trustDomain !== undefined) assertOfConnection(caller, call, trustDomain);
      authorise(caller, access, method);
      metadata.remove('authorization');
      callers.set(metadata, caller);
    };
    // From here to its end, so that a stop waits also for a call whose request is still on its way.
    const over = Promise.withResolvers<void>();
    const listener = new ServerListenerBuilder().withOnCancel(over.resolve).withOnReceiveMetadata((metadata, next) => {
      underWay.add(over.promise, { end: (error) => call.sendStatus(encodeStatus(error)) });
      admit(metadata).then(
        () => next(metadata),
        (error: unknown) => call.sendStatus(refusal(error, method, onError).status),
      );
    });
    return new ServerInterceptingCall(call, { start: (next) => next(listener.build()) });
  };
}

/** A token or a key of a service that was stolen opens nothing without that service's certificate too. */
function assertOfConnection(caller: Caller, call: ServerInterceptingCallInterface, trustDomain: string): void {
  if (caller.kind !== 'service') return;
  const { sslPeerCertificate } = call.getAuthContext();
  const named = serviceNamed(sslPeerCertificate?.subjectaltname, trustDomain);
  if (named !== caller.service) throw unauthenticated('CERTIFICATE_MISMATCH');
}

/** HTTP/2 itself bounds metadata at some hundred KiB; other stacks take 8. */
function assertSmall(metadata: Metadata): void {
  const entries = Object.entries(metadata.toHttp2Headers());
  const bytes = entries.reduce((sum, [key, values]) => sum + key.length + String(values).length, 0);
  if (bytes <= METADATA_BYTES_MAX) return;
  throw new HeraldError('MESSAGE_TOO_LARGE', `The metadata exceeds ${METADATA_BYTES_MAX} bytes. Send less of it.`, {
    metadata: { bytesMax: String(METADATA_BYTES_MAX) },
  });
}

function tokenIn(metadata: Metadata): string {
  const values = metadata.get('authorization');
  const token = values.length === 1 ? BEARER.exec(String(values[0]))?.[1] : undefined;
  if (token === undefined) throw unauthenticated('TOKEN_MISSING');
  return token;
}
