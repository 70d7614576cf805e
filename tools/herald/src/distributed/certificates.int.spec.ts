import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SERVICE_NAMES } from '@herald/grpc';
import { issueCertificates, type Certificates } from './certificates';

const THREE_DAYS_MS = 72 * 3_600_000;

describe('issueCertificates', () => {
  let folder: string;
  let certificates: Certificates;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'herald-certificates-'));
    certificates = await issueCertificates(folder);
  });
  afterEach(async () => {
    await certificates.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const certificateIn = async (file = '') => new X509Certificate(await readFile(file));

  it.each(SERVICE_NAMES)('S5: names %s in its certificate, for three days, by the authority', async (service) => {
    const files = certificates.ofService(service);
    const certificate = await certificateIn(files.certFile);
    expect(certificate.subjectAltName).toContain(`URI:spiffe://${files.trustDomain}/${service}`);
    expect(certificate.verify((await certificateIn(files.caFile)).publicKey)).toBe(true);
    expect(Date.parse(certificate.validTo) - Date.now()).toBeLessThanOrEqual(THREE_DAYS_MS);
  });

  it('S5: gives users a certificate that names no service', async () => {
    const certificate = await certificateIn(certificates.ofUser.certFile);
    for (const service of SERVICE_NAMES) expect(certificate.subjectAltName).not.toContain(`/${service}`);
  });

  it("S5: writes the authority's key nowhere, and every other for its owner alone", async () => {
    const names = await readdir(folder);
    expect(names.toSorted()).toEqual(
      ['authority.pem', 'command-line.pem', ...SERVICE_NAMES.map((service) => `${service}.pem`)].toSorted(),
    );
    expect(await readFile(join(folder, 'authority.pem'), 'utf8')).not.toContain('PRIVATE KEY');
    for (const name of names) expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
  });
});
