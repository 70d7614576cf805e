/** Why brokers cannot be used; a log that shows no texts shows this. */
export type ConnectionFault =
  'LOGIN_REFUSED' | 'CERTIFICATE_NOT_TRUSTED' | 'CERTIFICATE_REFUSED' | 'CONNECTION_CLOSED' | 'NO_ANSWER';

/** The brokers cannot be used as they were asked to be; the text says why, and holds no secret. */
export class BrokerConnectionError extends Error {
  override readonly name = 'BrokerConnectionError';

  constructor(
    readonly code: ConnectionFault,
    message: string,
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

/** What Node says of a certificate that it does not take. */
const OF_CERTIFICATES = /^(CERT_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|ERR_TLS_CERT|ERR_SSL_|EPROTO)/;

/** What Node says when the other side ends the handshake: for our certificate, or for the lack of one. */
const OF_ALERTS = /^ERR_SSL_.*ALERT/;

/** Why the brokers could not be used; what has nothing to do with that is given back as it is. */
export function explainedConnection(error: unknown, brokers: readonly string[]): unknown {
  const { name, code, type, message } = rootOf(error);
  const them = `The brokers ${brokers.join(', ')}`;
  const because = (fault: ConnectionFault, text: string) => new BrokerConnectionError(fault, text, error);
  if (name === 'KafkaJSSASLAuthenticationError' || type === 'UNSUPPORTED_SASL_MECHANISM')
    return because('LOGIN_REFUSED', `${them} refuse the login: ${message}.`);
  if (OF_ALERTS.test(code)) {
    const text = `${them} refuse our certificate, or want one and are shown none (${code}).`;
    return because('CERTIFICATE_REFUSED', text);
  }
  if (OF_CERTIFICATES.test(code)) {
    const text = `${them} show a certificate that is not trusted (${code}): ${message}.`;
    return because('CERTIFICATE_NOT_TRUSTED', text);
  }
  if (name === 'KafkaJSConnectionClosedError') {
    const text = `${them} closed the connection, as they do where they want TLS or a login and get none.`;
    return because('CONNECTION_CLOSED', text);
  }
  return name === 'KafkaJSConnectionError' ? because('NO_ANSWER', `${them} do not answer: ${message}.`) : error;
}

/** What a repetition does not mend: a certificate or the login must be another one first. */
const FINAL: readonly ConnectionFault[] = ['LOGIN_REFUSED', 'CERTIFICATE_NOT_TRUSTED', 'CERTIFICATE_REFUSED'];

/** Whether a repetition would end the same. */
export function isFinal(error: unknown): boolean {
  return error instanceof BrokerConnectionError && FINAL.includes(error.code);
}

/** kafkajs wraps what it repeated in vain, and then names what it was in `cause`. */
function rootOf(error: unknown): { name: string; code: string; type: string; message: string } {
  if (!(error instanceof Error)) return { name: '', code: '', type: '', message: '' };
  if (error.cause instanceof Error) return rootOf(error.cause);
  const { code, type } = error as { code?: unknown; type?: unknown };
  return { name: error.name, code: String(code), type: String(type), message: error.message };
}
