import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

describe('main', () => {
  it('ends without a word when nobody reads on', async () => {
    const command = ['-r', 'tsx/cjs', join(__dirname, 'main.ts'), 'sample', 'contacts', '--count', '20000'];
    const child = spawn(process.execPath, command, { cwd: join(__dirname, '../../..') });
    let told = '';
    child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(told).toBe('');
  });
});
