import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { experimental } from '@grpc/grpc-js';

/** How often the files are read anew. A round reads and checks three small files in 0.3 ms. */
export const CERTIFICATES_REFRESH_MS = 5_000;

/** Certificates as the files hold them now, told anew when they change; what grpc-js calls a certificate provider. */
export type CertificateFiles = experimental.CertificateProvider;

interface Pems {
  own: experimental.IdentityCertificateUpdate | null;
  ca: experimental.CaCertificateUpdate | null;
}

/** Where certificates are, what else must hold of them, and who hears of renewed ones that cannot be used. */
export interface CertificateSource {
  own: { certFile: string; keyFile: string } | undefined;
  caFile: string | undefined;
  check?: (own: X509Certificate) => void;
  onUnusable?: (error: unknown) => void;
}

/**
 * Reads the files at once, and throws where they cannot be used. From then on, while a server or a client listens:
 *
 * - *good*: what the files held at the last round is in use. A change that can be used is told; connections that are
 *   open keep what they have.
 * - *bad for one round*: the files are missing or do not fit together. What was good stays in use, and nobody is told:
 *   somebody is writing them.
 * - *bad for longer*: the same, and `onUnusable` is told once. The next good round ends it.
 *
 * The watcher of grpc-js is not used. It takes whatever it reads: with a certificate whose key was not written yet its
 * server dropped every new connection until the round after, as it did before the first; and its timer holds a process.
 */
export function certificateFiles(source: CertificateSource): CertificateFiles {
  let current = usable(source);
  let badRounds = 0;
  let timer: NodeJS.Timeout | undefined;
  const own = new Set<experimental.IdentityCertificateUpdateListener>();
  const ca = new Set<experimental.CaCertificateUpdateListener>();

  const refresh = () => {
    try {
      const before = current;
      current = usable(source);
      badRounds = 0;
      if (!isSame(before.own, current.own)) for (const listener of own) listener(current.own);
      if (!isSame(before.ca, current.ca)) for (const listener of ca) listener(current.ca);
    } catch (error) {
      badRounds += 1;
      if (badRounds === 2) source.onUnusable?.(error);
    }
  };
  /** Whoever begins to listen after a pause, as a client that was idle, must not begin with what is long out of date. */
  const watch = () => {
    if (timer !== undefined) return;
    refresh();
    timer = setInterval(refresh, CERTIFICATES_REFRESH_MS);
    timer.unref();
  };
  const unwatch = () => {
    if (own.size + ca.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  // grpc-js needs the first word after it has added all its listeners, and a server before its port is known.
  return {
    addIdentityCertificateListener: (listener) => {
      own.add(listener);
      watch();
      queueMicrotask(() => listener(current.own));
    },
    removeIdentityCertificateListener: (listener) => {
      own.delete(listener);
      unwatch();
    },
    addCaCertificateListener: (listener) => {
      ca.add(listener);
      watch();
      queueMicrotask(() => listener(current.ca));
    },
    removeCaCertificateListener: (listener) => {
      ca.delete(listener);
      unwatch();
    },
  };
}

/** What the files hold, if a connection can be made with it: OpenSSL itself says whether certificate and key fit. */
function usable({ own: files, caFile, check }: CertificateSource): Pems {
  const own = files && { certificate: readFileSync(files.certFile), privateKey: readFileSync(files.keyFile) };
  const ca = caFile === undefined ? undefined : { caCertificate: readFileSync(caFile) };
  createSecureContext({ cert: own?.certificate, key: own?.privateKey });
  if (ca !== undefined) certificatesIn(ca.caCertificate);
  const [first] = own === undefined ? [] : certificatesIn(own.certificate);
  if (first !== undefined) check?.(first);
  return { own: own ?? null, ca: ca ?? null };
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** OpenSSL reads a bundle up to its first fault and is content; one that was half written would shut out half of all. */
function certificatesIn(pem: Buffer): X509Certificate[] {
  const text = pem.toString('latin1');
  const found = (text.match(CERTIFICATE) ?? []).map((each) => new X509Certificate(each));
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (found.length > 0 && found.length === begun) return found;
  throw new Error('TLS: a file of certificates has none, or one that is cut short.');
}

function isSame<T extends object>(one: T | null, other: T | null): boolean {
  if (one === null || other === null) return one === other;
  const others = Object.values(other) as Buffer[];
  return (Object.values(one) as Buffer[]).every((bytes, index) => bytes.equals(others[index] ?? Buffer.alloc(0)));
}
