import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { openHome } from '../system/home';
import { choosePorts } from '../system/ports';
import { writeSystemFile } from '../system/system-file';
import { program } from './program';
import { contactsOf } from './read-contacts';

/** Above every number that Linux and macOS give a process. */
const PID_OF_NOBODY = 2 ** 22 + 1;

describe('the command line where no Herald runs', () => {
  const written = { out: '', err: '' };
  let folder: string;
  let exitCode: typeof process.exitCode;

  beforeEach(async () => {
    exitCode = process.exitCode;
    process.exitCode = undefined;
    Object.assign(written, { out: '', err: '' });
    jest.spyOn(process.stdout, 'write').mockImplementation((text) => (written.out += String(text)) !== '');
    jest.spyOn(process.stderr, 'write').mockImplementation((text) => {
      // Node says once a process, at a moment of its own, that it tries something out for jest.
      if (!String(text).includes('ExperimentalWarning')) written.err += String(text);
      return true;
    });
    folder = await mkdtemp(join(tmpdir(), 'herald-cli-'));
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    process.exitCode = exitCode;
    await rm(folder, { recursive: true, force: true });
  });

  const home = () => join(folder, 'home');
  const run = async (...words: string[]) => {
    await program({ environment: {}, inherited: {}, home: home() }).parseAsync(['node', 'herald', ...words]);
    return { ...written, exitCode: process.exitCode };
  };

  it('says where dead letters may lie, and starts nothing to look for them', async () => {
    const { err, exitCode: code } = await run('dlq', 'list');
    expect(err).toBe(
      `No Herald runs in ${home()}. Start one with "npm start", name its --home, or set HERALD_KAFKA_BROKERS or HERALD_DATABASE_URL.\n`,
    );
    expect([code, existsSync(home())]).toEqual([1, false]);
  });

  it('says how to start one, and makes no home by asking', async () => {
    expect(await run('quota', 'show')).toEqual({
      out: '',
      err: `No Herald runs in ${home()}. Start one with "npm start", name its --home, or set HERALD_TEMPLATE_URL.\n`,
      exitCode: 1,
    });
    expect(existsSync(home())).toBe(false);
  });

  it('says the same to a program', async () => {
    const { err, exitCode: code } = await run('quota', 'show', '--json');
    expect(JSON.parse(err)).toEqual({ error: { message: expect.stringContaining('No Herald runs in') as string } });
    expect(code).toBe(1);
  });

  it('says that it does not run when asked for its status', async () => {
    expect(await run('status', '--json')).toEqual({ out: '{"isRunning":false}\n', err: '', exitCode: 1 });
  });

  it('says the same of one that was killed and left its addresses behind', async () => {
    await openHome(home());
    const services = { template: '', configuration: '', dispatch: '127.0.0.1:1', conversation: '' };
    const dead = {
      pid: PID_OF_NOBODY,
      portBase: 0,
      ports: await choosePorts(20_000, undefined),
      services,
      publicUrl: '',
    };
    await writeSystemFile(home(), { ...dead, simulator: undefined });
    expect(await run('quota', 'show')).toMatchObject({
      err: expect.stringMatching(/^No Herald runs in /),
      exitCode: 1,
    });
    expect((await run('status')).out).toMatch(/^isRunning: false\n/);
  });

  it('says which scopes there are', async () => {
    const { err, exitCode: code } = await run('quota', 'show', '--scope', 'read,snd');
    expect(err).toMatch(/^--scope names "snd", which is no scope\. The scopes are send, read, /);
    expect(code).toBe(1);
  });

  it('makes a token by the keys of a home', async () => {
    await openHome(home());
    const { out, exitCode: code } = await run('token', '--org', 'acme', '--scope', 'send,read', '--ttl', '60');
    const { iss, aud, sub, org, scope, iat = 0, exp = 0 } = decodeJwt(out.trim());
    expect({ iss, aud, sub, org, scope }).toEqual({
      ...{ iss: 'herald', aud: 'herald', sub: 'herald', org: 'acme', scope: 'send read' },
    });
    expect(exp - iat).toBe(60);
    expect(code).toBeUndefined();
  });

  it('makes no token, and no keys, where there is no home', async () => {
    expect(await run('token', '--org', 'acme')).toEqual({
      out: '',
      err: `There are no keys in ${home()} to sign a token with. Name the --home of a Herald, or a token by HERALD_TOKEN_FILE.\n`,
      exitCode: 1,
    });
    expect(existsSync(home())).toBe(false);
  });

  it('makes no keys for services that the environment names', async () => {
    const address = '127.0.0.1:1';
    const environment = {
      ...{ HERALD_TEMPLATE_URL: address, HERALD_CONFIGURATION_URL: address, HERALD_DISPATCH_URL: address },
    };
    await program({ environment, inherited: {}, home: home() }).parseAsync(['node', 'herald', 'quota', 'show']);
    expect(written.err).toMatch(/^There are no keys in /);
    expect(existsSync(home())).toBe(false);
  });

  it.each([
    ['as CSV', []],
    ['as JSON', ['--json']],
  ])('prints a sample that can be read again, %s', async (_, flags) => {
    const { out } = await run('sample', 'contacts', '--count', '300', ...flags);
    const contacts = contactsOf(out);
    expect(contacts).toHaveLength(300);
    expect(contacts[0]).toMatchObject({ optin: true, locale: 'en-US', customerName: 'Ana' });
    expect(new Set(contacts.map(({ optin }) => optin))).toEqual(new Set([true, false, undefined]));
  });

  it.each([
    ['that is not there', undefined, /cannot be read \(ENOENT\)\. Name a CSV or JSON file, or - for standard input\./],
    [
      'without contacts',
      'tocontactid,optin\n',
      /holds no contacts\. A CSV list has a line for each, after the header\./,
    ],
    ['with a fault', 'tocontactid,contextitems\n+1,A-1009\n', /Line 2: contextitems is no JSON object\. Write it as /],
  ])('sends nothing of a list %s', async (_, text, advice) => {
    const file = join(folder, 'contacts.csv');
    if (text !== undefined) await writeFile(file, text);
    const { err, exitCode: code } = await run('send', '--configuration', 'any', '--contacts', file);
    expect(err).toMatch(advice);
    expect(code).toBe(1);
  });
});
