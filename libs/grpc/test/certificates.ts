import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The trust domain that the certificates of services are in. */
export const TRUST_DOMAIN = 'herald.test';

/** A file of the folder `certificates`, all of which its script made; each holds a certificate, and its key where it has one. */
export function certificateFile(name: string): string {
  return join(__dirname, 'certificates', `${name}.pem`);
}

/** The certificate and key of one side. */
export function identityFiles(name: string): { certFile: string; keyFile: string } {
  return { certFile: certificateFile(name), keyFile: certificateFile(name) };
}

/** One side of mutual TLS in the trust domain. */
export function memberFiles(name: string) {
  return { ...identityFiles(name), caFile: certificateFile('authority'), trustDomain: TRUST_DOMAIN };
}

/** The serial number of a certificate, as TLS tells it of a peer. */
export function serialOf(name: string): string {
  return new X509Certificate(readFileSync(certificateFile(name))).serialNumber;
}
