import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { tableUnder } from './readme';

const APPS = join(__dirname, '../../../apps');
const PROCESSES = ['template', 'configuration', 'dispatch', 'conversation', 'gateway'];

/** Runs the main.ts of a service with this environment alone, until it ends; what it said and its exit code. */
function run(name: string, env: Record<string, string>): Promise<{ code: number; said: string }> {
  const app = name === 'gateway' ? 'webhook-gateway' : `${name}-service`;
  return new Promise((resolve) => {
    execFile(process.execPath, ['-r', 'tsx/cjs', join(APPS, app, 'src/main.ts')], { env }, (error, _, said) =>
      resolve({ code: Number(error?.code ?? 0), said }),
    );
  });
}

describe('a process of a service', () => {
  /** What README says that a process cannot do without. */
  const documented = (name: string) =>
    tableUnder('### A service as a process')
      .filter(([who = '']) => who.split(', ').includes(name) || (who.startsWith('all') && !who.endsWith(` ${name}`)))
      .flatMap(([, variables = '']) => variables.match(/HERALD_\w+/g) ?? []);

  it.each(PROCESSES)('of %s says all that it lacks, as README has it, and ends', async (name) => {
    const { code, said } = await run(name, {});
    const lacking = said.split('\n').flatMap((line) => /^HERALD_\w+/.exec(line) ?? []);
    expect(lacking.toSorted()).toEqual(documented(name).toSorted());
    expect(code).toBe(2);
  });

  it('says which variables it does not know, or cannot use', async () => {
    const { code, said } = await run('dispatch', { HERALD_SHARD: '12', HERALD_POOL_MAX: 'many' });
    expect(said).toContain('HERALD_SHARD is no variable of Herald.');
    expect(said).toContain('HERALD_POOL_MAX cannot be used');
    expect(code).toBe(2);
  });
});
