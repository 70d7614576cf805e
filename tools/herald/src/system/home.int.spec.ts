import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnvironmentError } from '@herald/service';
import { AdviceError } from '../advice-error';
import { openHome, publicHalf, replaceFile } from './home';

describe('a home', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'herald-home-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const modeOf = async (...path: string[]) => ((await stat(join(folder, ...path))).mode & 0o777).toString(8);

  it('is made with its keys, for its owner alone', async () => {
    await openHome(join(folder, 'deep', 'home'));
    expect(await modeOf('deep', 'home')).toBe('700');
    expect(await modeOf('deep', 'home', 'keys')).toBe('700');
    const keys = await readdir(join(folder, 'deep', 'home', 'keys'));
    expect(keys.sort()).toEqual([
      ...['issuer.json', 'master', 'service-configuration.json', 'service-conversation.json'],
      ...['service-dispatch.json', 'service-gateway.json', 'service-template.json'],
    ]);
    for (const key of keys) expect(await modeOf('deep', 'home', 'keys', key)).toBe('600');
  });

  it('keeps its keys once they are made', async () => {
    const first = await openHome(folder);
    expect(await openHome(folder)).toEqual(first);
    expect(first.masterKey).toHaveLength(32);
  });

  it('has one set of keys though many open it at once', async () => {
    const homes = await Promise.all(Array.from({ length: 8 }, () => openHome(folder)));
    for (const home of homes) expect(home).toEqual(homes[0]);
    expect(await readdir(join(folder, 'keys'))).toHaveLength(7);
  });

  it('takes the master key from a file that is named, and makes no other', async () => {
    const file = join(folder, 'master-key');
    await writeFile(file, `${'ab'.repeat(32)}\n`);
    const { masterKey } = await openHome(folder, file);
    expect(masterKey.toString('hex')).toBe('ab'.repeat(32));
    expect(await readdir(join(folder, 'keys'))).not.toContain('master');
  });

  it('makes no master key where one is named: with another, what was sealed could not be read', async () => {
    const opening = openHome(folder, join(folder, 'master-key'));
    await expect(opening).rejects.toThrow(EnvironmentError);
    await expect(opening).rejects.toThrow(`${join(folder, 'master-key')} cannot be read (ENOENT).`);
    expect(await readdir(folder)).toEqual(['keys']);
  });

  it('advises where no home can be made', async () => {
    await writeFile(join(folder, 'file'), '');
    const opening = openHome(join(folder, 'file', 'home'));
    await expect(opening).rejects.toThrow(AdviceError);
    await expect(opening).rejects.toThrow('file/home cannot be a home (ENOTDIR). Name another with --home.');
  });

  it.each(['', 'abcd', 'not hexadecimal', 'ab'.repeat(33)])(
    'advises about a master key that is none: "%s"',
    async (text) => {
      const file = join(folder, 'master-key');
      await writeFile(file, text);
      const opening = openHome(folder, file);
      await expect(opening).rejects.toThrow(EnvironmentError);
      await expect(opening).rejects.toThrow('32 bytes in hexadecimal');
    },
  );

  it('gives no private half away with a public one', async () => {
    const { issuerKey } = await openHome(folder);
    expect(issuerKey.d).toBeDefined();
    expect(publicHalf(issuerKey)).toEqual({
      ...{ kty: 'EC', crv: 'P-256', x: issuerKey.x, y: issuerKey.y, kid: 'issuer', alg: 'ES256', use: 'sig' },
    });
  });

  it('replaces a file as a whole, readable by its owner alone', async () => {
    const file = join(folder, 'system.json');
    await replaceFile(file, 'first');
    await replaceFile(file, 'second');
    expect(await readFile(file, 'utf8')).toBe('second');
    expect(await modeOf('system.json')).toBe('600');
    expect(await readdir(folder)).toEqual(['system.json']);
  });
});
