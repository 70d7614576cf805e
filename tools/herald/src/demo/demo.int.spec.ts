import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeLocalServer } from '@herald/postgres/local-server';

describe('demo', () => {
  it('ends with advice where the provider never gets as many messages as --kill-at says', async () => {
    const home = await mkdtemp(join(tmpdir(), 'herald-demo-spec-'));
    const flags = ['--home', home, '--contacts', '10', '--kill-at', '11'];
    try {
      const child = spawn(process.execPath, ['-r', 'tsx/cjs', join(__dirname, '../main.ts'), 'demo', ...flags]);
      let told = '';
      child.stdout.resume();
      child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
      expect(await once(child, 'close')).toEqual([1, null]);
      expect(told).toBe('The provider got 10 messages and no more. Choose a lower --kill-at.\n');
    } finally {
      await removeLocalServer(join(home, 'postgres'));
      await rm(home, { recursive: true });
    }
  });
});
