import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVICE_NAMES, type ServiceName, type TlsFiles } from '@herald/grpc';
import type { Running } from '@herald/service';
import { generate } from 'selfsigned';
import { replaceFile } from '../system/home';

const TRUST_DOMAIN = 'herald.local';
/** Whoever steals a certificate has it for three days at most; it is renewed each day. */
const VALID_MS = 72 * 3_600_000;
const RENEW_EVERY_MS = 24 * 3_600_000;
/** The authority lives with its keeper; another start has another. */
const AUTHORITY_VALID_MS = 3_650 * 24 * 3_600_000;
/** For a clock that is a little behind ours. */
const BACKDATED_MS = 60_000;
const USER = 'command-line';

/** The certificates of a distributed system on one machine, and where they are. */
export interface Certificates extends Running {
  /** What the processes of a service prove themselves by. */
  ofService(service: ServiceName): TlsFiles;
  /** What whoever calls a service as a user shows: in a trust domain nobody calls without. */
  ofUser: TlsFiles;
}

/**
 * Stands where a cluster has its issuer of certificates: makes an authority, whose key is written nowhere, and by it a
 * certificate for each service and one for users, each with its key in a file of the folder, and renews them while it runs.
 */
export async function issueCertificates(folder: string): Promise<Certificates> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const authority = await issueAuthority();
  const caFile = join(folder, 'authority.pem');
  await replaceFile(caFile, authority.cert);
  const fileOf = (name: string) => join(folder, `${name}.pem`);
  const filesOf = (name: string): Required<TlsFiles> => ({
    ...{ certFile: fileOf(name), keyFile: fileOf(name), caFile, trustDomain: TRUST_DOMAIN },
  });
  const issueAll = async () => {
    for (const name of [...SERVICE_NAMES, USER]) await replaceFile(fileOf(name), await issue(name, authority));
  };
  await issueAll();
  // What cannot be written today is valid for two days more, and tried again tomorrow.
  const renewing = setInterval(() => void issueAll().catch(() => undefined), RENEW_EVERY_MS);
  return { ofService: filesOf, ofUser: filesOf(USER), stop: async () => clearInterval(renewing) };
}

interface Authority {
  cert: string;
  private: string;
}

function issueAuthority(): Promise<Authority> {
  return generate([{ name: 'commonName', value: 'Herald on this machine' }], {
    ...periodOf(AUTHORITY_VALID_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
}

/** A certificate and its key in one text, so that no reader finds one without the other. */
async function issue(name: string, authority: Authority): Promise<string> {
  const issued = await generate([{ name: 'commonName', value: name }], {
    ...periodOf(VALID_MS),
    ca: { cert: authority.cert, key: authority.private },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 6, value: `spiffe://${TRUST_DOMAIN}/${name}` },
          // For clients that know no trust domain and look at the host.
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return `${issued.cert.trim()}\n${issued.private.trim()}\n`;
}

function periodOf(validMs: number) {
  const now = Date.now();
  return {
    ...({ keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const),
    notBeforeDate: new Date(now - BACKDATED_MS),
    notAfterDate: new Date(now + validMs),
  };
}
