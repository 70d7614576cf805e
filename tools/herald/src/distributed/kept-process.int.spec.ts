import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepProcess, type KeptProcess } from './kept-process';

/** Says that it runs by a file with its id, and ends in order at SIGTERM. */
const PROGRAM = `
const { appendFileSync, writeFileSync } = require('node:fs');
writeFileSync(process.env.READY, String(process.pid));
process.on('SIGTERM', () => { appendFileSync(process.env.ENDED, process.pid + ' '); process.exit(); });
setInterval(() => {}, 1000);
`;

describe('keepProcess', () => {
  let folder: string;
  let kept: KeptProcess | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'herald-kept-'));
  });
  afterEach(async () => {
    await kept?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const textOf = (name: string) => readFile(join(folder, name), 'utf8').catch(() => '');
  const keep = async (program = PROGRAM) => {
    await writeFile(join(folder, 'program.js'), program);
    const one = keepProcess({
      name: 'kept',
      program: join(folder, 'program.js'),
      env: { READY: join(folder, 'ready'), ENDED: join(folder, 'ended') },
      isReady: async () => one.pid !== undefined && (await textOf('ready')) === String(one.pid),
      onStart: () => {},
    });
    kept = one;
    return one;
  };

  it('starts another process in the place of one that was killed', async () => {
    const process = await keep();
    await process.ready();
    const { pid } = process;
    await process.restart('SIGKILL');
    expect(process.pid).not.toBe(pid);
    expect(await textOf('ended')).toBe('');
  });

  it('restarts in order, and says when the next one is ready', async () => {
    const process = await keep();
    await process.ready();
    const { pid } = process;
    await process.restart();
    expect(await textOf('ended')).toBe(`${pid} `);
    expect(process.pid).not.toBe(pid);
  });

  it('stops in order, and starts nothing any more', async () => {
    const process = await keep();
    await process.ready();
    const { pid } = process;
    await process.stop();
    expect(await textOf('ended')).toBe(`${pid} `);
    expect(process.pid).toBeUndefined();
  });

  it('ends also one that was suspended', async () => {
    const process = await keep();
    await process.ready();
    process.signal('SIGSTOP');
    await process.stop();
    expect(process.pid).toBeUndefined();
  });

  it('gives up on one that never comes up', async () => {
    const process = await keep('process.exit(1)');
    await expect(process.ready()).rejects.toThrow('kept did not come up');
  }, 30_000);
});
