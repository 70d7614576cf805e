import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { credentials, experimental, ServerCredentials } from '@grpc/grpc-js';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { certificateFiles } from './certificate-files';
import type { CertificateSource } from './certificate-files';
import { isServiceName } from './identity';
import type { ServiceName } from './identity';
import { isTrustDomain, serviceNamed } from './service-certificate';

/**
 * The files of one side of TLS, in PEM. The authority confirms the other side: with it a server asks for client
 * certificates. Without any of them the side speaks plain text; with some of what it needs it does not start. Files
 * that change are used for new connections within five seconds.
 */
export interface TlsFiles {
  certFile?: string;
  keyFile?: string;
  /** Certificates of authorities: while one takes over from another, of both. */
  caFile?: string;
  /**
   * Services are known by the SPIFFE names of their certificates in this trust domain: a service's token counts only
   * over a connection of that service, and a client calls only the service it means, under whatever host name.
   */
  trustDomain?: string;
}

/**
 * What a server listens with: plain text without files, TLS with certificate and key, mutual TLS with an authority too.
 * `onUnusable` hears once of renewed files that cannot be used for more than one reading; the old ones go on.
 */
export function serverCredentials(files: TlsFiles = {}, onUnusable?: (error: unknown) => void): ServerCredentials {
  const { caFile, trustDomain } = files;
  const own = ownFiles(files);
  if (own === undefined) {
    assert(caFile === undefined, 'TLS: a server with a caFile needs certFile and keyFile too.');
    return ServerCredentials.createInsecure();
  }
  const check: CertificateSource['check'] = ({ subjectAltName }) => {
    const isNamed = trustDomain === undefined || serviceNamed(subjectAltName, trustDomain) !== undefined;
    assert(isNamed, `TLS: the certificate of this server names no service of the trust domain ${trustDomain}.`);
  };
  const provider = certificateFiles({ own, caFile, check, ...(onUnusable && { onUnusable }) });
  const isMutual = caFile !== undefined;
  // Its declaration calls the first argument the authority and the second the server's own; the code has them as here.
  return experimental.createCertificateProviderServerCredentials(provider, isMutual ? provider : null, isMutual);
}

/**
 * What a client calls with: plain text without files, else TLS against the authority, with its own certificate if given.
 * In a trust domain it talks only to a server whose certificate names the service that is meant: the one named, or the
 * one that the contract of this path is of.
 */
export function clientCredentials(
  files: TlsFiles = {},
  { path = '', service }: { path?: string | undefined; service?: ServiceName | undefined } = {},
): ChannelCredentials {
  const { caFile, trustDomain } = files;
  const own = ownFiles(files);
  if (own === undefined && caFile === undefined) return credentials.createInsecure();
  // Against the authorities of the system: such a server asks for no certificate of a service.
  if (caFile === undefined)
    return credentials.createSsl(null, own && readFileSync(own.keyFile), own && readFileSync(own.certFile));
  const provider = certificateFiles({ own, caFile });
  const verify =
    trustDomain === undefined ? {} : { checkServerIdentity: isNamed(service ?? serviceOfPath(path), trustDomain) };
  return experimental.createCertificateProviderChannelCredentials(provider, own ? provider : null, verify);
}

/** Takes the place of the check of the host name; that the authority signed the certificate is checked before. */
function isNamed(service: ServiceName, trustDomain: string) {
  return (_host: string, { subjectaltname }: { subjectaltname?: string }): Error | undefined =>
    serviceNamed(subjectaltname, trustDomain) === service
      ? undefined
      : new Error(`The certificate of the server does not name ${service} in the trust domain ${trustDomain}.`);
}

/** `/herald.dispatch.v1.DispatchService/GetRequest` is a method of dispatch: packages are named for their services. */
function serviceOfPath(path: string): ServiceName {
  const service = path.split('.')[1] ?? '';
  assert(isServiceName(service), `TLS: ${path} is a method of none of our services.`);
  return service;
}

function ownFiles({ certFile, keyFile, caFile, trustDomain }: TlsFiles): CertificateSource['own'] {
  if (trustDomain !== undefined) {
    assert(isTrustDomain(trustDomain), `TLS: "${trustDomain}" is no trust domain.`);
    assert(caFile !== undefined, 'TLS: a trust domain needs a caFile, by which the other side is confirmed.');
  }
  if (certFile === undefined && keyFile === undefined) return undefined;
  assert(certFile !== undefined && keyFile !== undefined, 'TLS: certFile and keyFile belong together; one is missing.');
  return { certFile, keyFile };
}
