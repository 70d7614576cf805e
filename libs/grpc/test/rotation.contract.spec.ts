import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { TemplateServiceClient } from '@herald/contracts/template';
import { eventually } from '@herald/testing';
import { grpcClient } from '../src';
import type { TlsFiles } from '../src';
import { CERTIFICATES_REFRESH_MS } from '../src/certificate-files';
import { certificateFile, memberFiles, serialOf, TRUST_DOMAIN } from './certificates';
import { REQUEST, runningServer } from './running-server';
import type { TestServer } from './running-server';

/** The files of one side, which a test writes as whoever renews them does. */
class Side {
  readonly folder = mkdtempSync(join(tmpdir(), 'herald-rotation-'));
  readonly tls = {
    ...{ certFile: join(this.folder, 'cert.pem'), keyFile: join(this.folder, 'key.pem') },
    ...{ caFile: join(this.folder, 'ca.pem'), trustDomain: TRUST_DOMAIN },
  };

  constructor(name: string) {
    this.certificate(name);
    this.key(name);
    this.trust('authority');
  }

  certificate(name: string): void {
    copyFileSync(certificateFile(name), this.tls.certFile);
  }

  key(name: string): void {
    copyFileSync(certificateFile(name), this.tls.keyFile);
  }

  trust(...names: string[]): void {
    writeFileSync(this.tls.caFile, names.map((name) => readFileSync(certificateFile(name), 'utf8')).join(''));
  }
}

describe('rotation', () => {
  let server: Side;
  let client: Side;
  let test: TestServer;
  let problems: unknown[];
  let intervals: jest.SpyInstance<unknown, Parameters<typeof setInterval>>;
  const closing: (() => void)[] = [];

  beforeEach(async () => {
    intervals = jest.spyOn(globalThis, 'setInterval');
    server = new Side('template');
    client = new Side('dispatch');
    problems = [];
    test = await runningServer({ tls: server.tls, onCertificateProblem: (problem) => problems.push(problem) });
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) close();
    await test.stop();
    jest.restoreAllMocks();
    for (const side of [server, client]) rmSync(side.folder, { recursive: true });
  });

  /** What happens every five seconds on both sides. */
  const refresh = () => {
    for (const [reading, everyMs] of intervals.mock.calls) if (everyMs === CERTIFICATES_REFRESH_MS) reading();
  };
  const newClient = (tls: TlsFiles = client.tls, url = test.url) => {
    const opened = grpcClient(TemplateServiceClient, { url, tls, token: async () => test.token });
    closing.push(() => opened.close());
    return opened;
  };
  /** The serial number of the certificate that a new connection is shown. */
  const serialShown = async (): Promise<string> => {
    const { certFile, keyFile } = memberFiles('dispatch');
    const own = { cert: readFileSync(certFile), key: readFileSync(keyFile) };
    const port = test.server.port;
    const socket = connect({ host: '127.0.0.1', port, ...own, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  /** Calls without a pause, in turn over one connection that stays and over new ones, until it is told to end. */
  const load = () => {
    const stays = newClient();
    const failures: unknown[] = [];
    let calls = 0;
    let isOver = false;
    const work = async () => {
      while (!isOver) {
        const fresh = grpcClient(TemplateServiceClient, {
          ...{ url: test.url, tls: client.tls },
          token: async () => test.token,
        });
        for (const each of [stays, fresh]) {
          await each.getTemplate(REQUEST).catch((error: unknown) => failures.push(error));
          calls += 1;
        }
        fresh.close();
      }
    };
    const workers = Promise.all([work(), work(), work()]);
    return {
      /** Resolves after every worker made some more calls. */
      goesOn: () => {
        const before = calls;
        return eventually(() => expect(calls).toBeGreaterThan(before + 20));
      },
      end: async () => {
        isOver = true;
        await workers;
        return failures;
      },
    };
  };

  it('S5: certificates, keys and authorities change under load, and no call fails', async () => {
    const calls = load();
    const changed = async (change: () => void) => {
      await calls.goesOn();
      change();
      refresh();
      await calls.goesOn();
    };
    expect(await serialShown()).toBe(serialOf('template'));
    await changed(() => {
      for (const [side, name] of [
        [server, 'template-renewed'],
        [client, 'dispatch-renewed'],
      ] as const) {
        side.certificate(name);
        side.key(name);
      }
    });
    expect(await serialShown()).toBe(serialOf('template-renewed'));
    await changed(() => [server, client].forEach((side) => side.trust('authority', 'next-authority')));
    await changed(() => {
      for (const [side, name] of [
        [server, 'template-of-next'],
        [client, 'dispatch-of-next'],
      ] as const) {
        side.certificate(name);
        side.key(name);
      }
    });
    expect(await serialShown()).toBe(serialOf('template-of-next'));
    await changed(() => [server, client].forEach((side) => side.trust('next-authority')));
    expect(await calls.end()).toEqual([]);
    // What the old authority signed opens nothing any more.
    const old = { ...memberFiles('dispatch'), caFile: certificateFile('next-authority') };
    await expect(newClient(old).getTemplate(REQUEST)).rejects.toMatchObject({ reason: 'SERVICE_UNAVAILABLE' });
  });

  it('S5: a client that was started before calls with its renewed certificate when it connects again', async () => {
    const started = newClient();
    await started.getTemplate(REQUEST);
    await test.server.stop(0);
    client.certificate('dispatch-of-next');
    client.key('dispatch-of-next');
    client.trust('authority', 'next-authority');
    refresh();
    const later = new Side('template');
    later.trust('next-authority');
    const again = await runningServer({ address: test.url, tls: later.tls });
    closing.push(() => rmSync(later.folder, { recursive: true }));
    // Its token is of another issuer; that it is read at all says that the certificate was taken.
    const reasons = () => started.getTemplate(REQUEST).catch((error: { reason: string }) => error.reason);
    await eventually(async () => expect(await reasons()).toBe('UNAUTHENTICATED'));
    await again.stop();
  });

  it('S5: keeps the old certificate while a new one is half written, and tells of it when it stays so', async () => {
    server.certificate('template-renewed');
    refresh();
    expect(await serialShown()).toBe(serialOf('template'));
    expect(problems).toEqual([]);
    refresh();
    refresh();
    expect(problems).toHaveLength(1);
    expect(String(problems[0])).toContain('key values mismatch');
    server.key('template-renewed');
    refresh();
    expect(await serialShown()).toBe(serialOf('template-renewed'));
  });

  it.each<[string, (side: Side) => void]>([
    ['is cut short', ({ tls }) => writeFileSync(tls.caFile, readFileSync(tls.caFile, 'utf8').slice(0, -60))],
    ['is empty', ({ tls }) => writeFileSync(tls.caFile, '')],
    ['is gone', ({ tls }) => rmSync(tls.caFile)],
  ])('S5: keeps the old authorities while their file %s', async (_, spoil) => {
    spoil(server);
    refresh();
    await newClient(memberFiles('dispatch')).getTemplate(REQUEST);
    refresh();
    expect(problems).toHaveLength(1);
  });

  it('S5: keeps the old certificate where the new one is of another trust domain', async () => {
    server.certificate('template-elsewhere');
    server.key('template-elsewhere');
    refresh();
    expect(await serialShown()).toBe(serialOf('template'));
  });

  it('S5: reads what was renewed while nobody had a connection', async () => {
    const idle = newClient();
    client.certificate('dispatch-of-next');
    client.key('dispatch-of-next');
    server.trust('next-authority');
    refresh();
    await idle.getTemplate(REQUEST);
  });
});
