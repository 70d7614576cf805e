import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { armFailpoints, chanceFrom, disarmFailpoints, failpoint, isPlanted } from './failpoints';
import { parsePlan } from './plan';

describe('failpoints', () => {
  const folder = mkdtempSync(join(tmpdir(), 'herald-failpoints-'));
  const report = join(folder, 'hits');
  const reported = () =>
    readFileSync(report, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`${process.pid} `));

  beforeEach(() => writeFileSync(report, ''));
  afterEach(() => disarmFailpoints());
  afterAll(() => rmSync(folder, { recursive: true }));

  it('does nothing, and has nothing to wait for, unless it is armed', () => {
    expect(failpoint('ledger.before_commit')).toBeUndefined();
    expect(isPlanted('plant.duplicate')).toBe(false);
  });

  it('throws at the hit that was named alone, and reports it', async () => {
    armFailpoints('ledger.before_commit=throw@2', report);
    await failpoint('ledger.before_commit');
    await expect(failpoint('ledger.before_commit')).rejects.toThrow('ledger.before_commit');
    await failpoint('ledger.before_commit');
    await failpoint('ledger.after_commit');
    expect(reported().slice(1)).toEqual([`${process.pid} ledger.before_commit throw`]);
  });

  it('acts by chance as its seed says, the same each time', async () => {
    const hits = async () => {
      writeFileSync(report, '');
      armFailpoints('seed=7;settle.after_commit=delay:0%0.5', report);
      for (let hit = 0; hit < 40; hit += 1) await failpoint('settle.after_commit');
      return reported().length - 1;
    };
    const first = await hits();
    expect(first).toBeGreaterThan(5);
    expect(first).toBeLessThan(35);
    expect(await hits()).toBe(first);
  });

  it('shows a planted fault only where it was planted', () => {
    armFailpoints('plant.loss=plant@1', report);
    expect([isPlanted('plant.duplicate'), isPlanted('plant.loss'), isPlanted('plant.loss')]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('ends the process by SIGKILL, and has reported it before', async () => {
    const library = join(__dirname, 'index.ts');
    const program = `const f = require(${JSON.stringify(library)});
      f.armFailpoints('dispatch.after_claim=exit', ${JSON.stringify(report)});
      void f.failpoint('dispatch.after_claim'); console.log('alive');`;
    const child = spawn(process.execPath, ['-r', 'tsx/cjs', '-e', program], { stdio: 'ignore' });
    const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
    expect(signal).toBe('SIGKILL');
    expect(readFileSync(report, 'utf8')).toContain(`${child.pid} dispatch.after_claim exit\n`);
  }, 20_000);

  it.each([
    ['dispatch.after_lunch=exit', 'there is no failpoint of such a name'],
    ['dispatch.after_claim=explode', 'has another form'],
    ['dispatch.after_claim=delay', 'delay takes its milliseconds'],
    ['dispatch.after_claim=plant', 'plant is for'],
    ['plant.loss=exit', 'plant is for'],
  ])('refuses %s', (text, why) => {
    expect(() => parsePlan(text)).toThrow(why);
  });

  it('draws numbers from 0 up to 1', () => {
    const chance = chanceFrom(1);
    const drawn = Array.from({ length: 1_000 }, chance);
    expect(drawn.every((each) => each >= 0 && each < 1)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(990);
  });
});
