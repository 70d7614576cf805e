import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeLocalServer, startLocalServer } from '@herald/postgres/local-server';
import { eventually } from '@herald/testing';
import { choosePorts } from '../system/ports';

describe('start', () => {
  it('stops what it has started when it is interrupted before it is through', async () => {
    const home = await mkdtemp(join(tmpdir(), 'herald-start-'));
    try {
      const command = ['-r', 'tsx/cjs', join(__dirname, '../main.ts'), 'start', '--home', home, '--port-base', '0'];
      const child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'] });
      let told = '';
      child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
      await eventually(() => access(join(home, 'keys', 'issuer.json')));
      child.kill('SIGINT');
      const [code] = (await once(child, 'close')) as [number | null];
      expect({ code, told }).toEqual({ code: 0, told: '' });
      const { postgres: port } = await choosePorts(0, undefined);
      const { adopted } = await startLocalServer({ directory: join(home, 'postgres'), port });
      expect(adopted).toBe(false);
    } finally {
      await removeLocalServer(join(home, 'postgres'));
      await rm(home, { recursive: true });
    }
  });
});
