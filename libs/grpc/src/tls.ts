import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { credentials, ServerCredentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';

/**
 * The files of one side of TLS, in PEM. The authority confirms the other side: with it a server asks for client
 * certificates. Without any of them the side speaks plain text; with some of what it needs it does not start.
 */
export interface TlsFiles {
  certFile?: string;
  keyFile?: string;
  caFile?: string;
}

/** What a server listens with: plain text without files, TLS with certificate and key, mutual TLS with an authority too. */
export function serverCredentials(files: TlsFiles = {}): ServerCredentials {
  const own = ownFiles(files);
  if (own === undefined) {
    assert(files.caFile === undefined, 'TLS: a server with a caFile needs certFile and keyFile too.');
    return ServerCredentials.createInsecure();
  }
  const authority = files.caFile === undefined ? null : readFileSync(files.caFile);
  return ServerCredentials.createSsl(authority, [{ cert_chain: own.cert, private_key: own.key }], authority !== null);
}

/** What a client calls with: plain text without files, else TLS against the authority, with its own certificate if given. */
export function clientCredentials(files: TlsFiles = {}): ChannelCredentials {
  const own = ownFiles(files);
  if (own === undefined && files.caFile === undefined) return credentials.createInsecure();
  const authority = files.caFile === undefined ? null : readFileSync(files.caFile);
  return credentials.createSsl(authority, own?.key ?? null, own?.cert ?? null);
}

function ownFiles({ certFile, keyFile }: TlsFiles): { cert: Buffer; key: Buffer } | undefined {
  if (certFile === undefined && keyFile === undefined) return undefined;
  assert(certFile !== undefined && keyFile !== undefined, 'TLS: certFile and keyFile belong together; one is missing.');
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}
