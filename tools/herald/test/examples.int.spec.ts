import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeLocalServer } from '@herald/postgres/local-server';
import { connect } from '../src/client/connect';
import { makeSampleOrganisation } from '../src/sample/organisation';
import { readSystemFile } from '../src/system/system-file';

const ROOT = join(__dirname, '../../..');
/** Two dozen processes are started here, one after the other. */
jest.setTimeout(120_000);

/** Stands for grpcurl where there is none, and knows the two forms that the examples have. */
const GRPCURL = `#!/bin/sh
[ "$1" = -plaintext ] || exit 2
[ "$3" = list ] && exec '${ROOT}/node_modules/.bin/buf' curl --protocol grpc --list-services "http://$2"
[ "$2 $4" = "-H -d" ] || exit 2
exec '${ROOT}/node_modules/.bin/buf' curl --protocol grpc -H "$3" -d "$5" "http://$6/$7"
`;

describe('what is printed to be typed', () => {
  let folder: string;
  let herald: ChildProcess;
  let greeting = '';

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'herald-examples-'));
    await writeFile(join(folder, 'grpcurl'), GRPCURL, { mode: 0o755 });
    const command = ['-r', 'tsx/cjs', 'tools/herald/src/main.ts', 'start', '--home', home(), '--port-base', '0'];
    herald = spawn(process.execPath, command, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const chunk of herald.stdout ?? []) {
      greeting += String(chunk);
      if (greeting.includes('Ctrl-C stops it.')) break;
    }
  });
  afterAll(async () => {
    herald.kill('SIGINT');
    if (herald.exitCode === null) await once(herald, 'exit');
    expect(herald.exitCode).toBe(0);
    await removeLocalServer(join(home(), 'postgres'));
    await rm(folder, { recursive: true });
  });

  const home = () => join(folder, 'home');
  const shell = async (text: string) => {
    // A grpcurl that is installed comes first.
    const settings = `export HERALD_HOME='${home()}' PATH="$PATH:${folder}"`;
    const child = spawn('sh', ['-c', `${settings}\n${text}`], { cwd: ROOT });
    const told = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (told.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (told.err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { ...told, code };
  };
  const token = async (org: string) => {
    const file = join(folder, `${org}.token`);
    expect(await shell(`npm run -s herald -- token --org ${org} --scope send,read > '${file}'`)).toMatchObject({
      code: 0,
    });
    return file;
  };
  const addressOf = async (service: 'dispatch' | 'simulator') => {
    const { services, simulator } = (await readSystemFile(home()))!;
    return service === 'dispatch' ? services.dispatch : simulator!.url;
  };
  const client = async (tokenFile: string, configurationId: string, requestId: string) =>
    shell(
      `node -r tsx/cjs tools/herald/examples/send.ts ${await addressOf('dispatch')} '${tokenFile}' ${configurationId} ${requestId}`,
    );

  it('sends by the lines that start prints', async () => {
    const lines = greeting.split('\n').filter((line) => line.startsWith('  npm run'));
    const text = lines.join('\n').replaceAll('contacts.csv', join(folder, 'contacts.csv'));
    const { out, err, code } = await shell(text);
    expect(err).toBe('');
    expect(out).toContain('counts:\n  contacts: 20\n  skipped: 1\n  delivered: 19\n');
    expect(code).toBe(0);
  });

  it('sends by the TypeScript client, once however often it is run with one request id', async () => {
    const [configurationId = ''] = /(?<=configuration )[0-9a-f-]{36}/.exec(greeting) ?? [];
    const tokenFile = await token('sample');
    const first = await client(tokenFile, configurationId, '4c0f1f0e-95bb-4a9e-8d5e-4f6c3f4b6a01');
    expect(first).toEqual({
      out: [
        'parcel-1: accepted in en-US',
        'parcel-2: accepted in de-DE',
        'parcel-3: refused, ADDRESS_INVALID: The address is not one this channel can reach. Correct it.',
        'parcel-1: MESSAGE_STATE_DELIVERED, "Hello Ana, order A-1009 arrives on 24/12."',
        'parcel-2: MESSAGE_STATE_DELIVERED, "Guten Tag Luca, Ihre Bestellung A-1009 kommt am 24/12."',
        '',
      ].join('\n'),
      err: '',
      code: 0,
    });
    expect(await client(tokenFile, configurationId, '4c0f1f0e-95bb-4a9e-8d5e-4f6c3f4b6a01')).toEqual(first);
  });

  it('hears in the TypeScript client when the hour has room again', async () => {
    const scopes = ['configure', 'read'] as const;
    const connection = await connect(home(), {}, { org: 'busy', scopes, subject: 'spec' });
    const simulatorUrl = await addressOf('simulator');
    const { outboundConfigurationId } = await makeSampleOrganisation(connection, { org: 'busy', simulatorUrl });
    connection.close();
    await shell('npm run -s herald -- org set --org busy --requests-per-hour 1');
    const tokenFile = await token('busy');
    expect((await client(tokenFile, outboundConfigurationId, '4c0f1f0e-95bb-4a9e-8d5e-4f6c3f4b6a02')).code).toBe(0);
    const { err, code } = await client(tokenFile, outboundConfigurationId, '4c0f1f0e-95bb-4a9e-8d5e-4f6c3f4b6a03');
    expect(err).toMatch(/^RESOURCE_EXHAUSTED: .* It may be repeated in 3[56]\d\d s\.\n$/);
    expect(code).toBe(1);
  });

  it('lists and calls every service by the lines for grpcurl', async () => {
    const { out, err, code } = await shell('sh tools/herald/examples/grpcurl.sh');
    expect(err).toBe('');
    expect(out.match(/^herald\.\w+\.v1\.\w+$/gm)).toEqual([
      'herald.audit.v1.AuditService',
      'herald.template.v1.TemplateService',
      'herald.audit.v1.AuditService',
      'herald.configuration.v1.ConfigurationService',
      'herald.audit.v1.AuditService',
      'herald.dispatch.v1.DispatchService',
      'herald.conversation.v1.ConversationService',
    ]);
    expect(out).toMatch(/"language": *"fr-FR"/);
    expect(out).toMatch(/"conserved": *true/);
    expect(out).toMatch(/"limit": *30000/);
    expect(code).toBe(0);
  });

  it('does what the tour of the README says', async () => {
    const readme = await readFile(join(__dirname, '../README.md'), 'utf8');
    const chapter = readme.split('\n## The command line\n')[1]?.split('\n##')[0] ?? '';
    const tour = [...chapter.matchAll(/```sh\n(.*?)```/gs)].map(([, lines]) => lines).join('');
    const text = tour
      .replaceAll('http://127.0.0.1:50070', await addressOf('simulator'))
      .replaceAll('/tmp/', `${folder}/`);
    const { out, err, code } = await shell(text);
    expect(err).toBe('');
    expect(out).toContain('contacts: 250\n  refused: 6\n');
    expect(out).toContain('conserved: true\n');
    expect(out).toContain('"body":"Guten Tag Ana Ruiz, Ihr Fall ist erledigt."');
    expect(code).toBe(0);
  });
});
