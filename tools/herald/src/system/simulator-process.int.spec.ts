import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdviceError } from '../advice-error';
import { simulatorProcess, stopSimulator } from './simulator-process';

describe('simulatorProcess', () => {
  let home: string;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'herald-simulator-process-'));
  });
  afterEach(async () => {
    await stopSimulator(home);
    await rm(home, { recursive: true });
  });

  const start = async (faults: string) => {
    const { control } = await simulatorProcess({ home, port: 0, faults, outcomes: '' });
    return (await (await fetch(`${control}/health`)).json()) as { pid: number; faults: string };
  };

  it('takes over the one that a killed Herald left, and tells it what is to go wrong now', async () => {
    const first = await start('');
    expect(await start('429:0.5')).toEqual({ ...first, faults: '429:0.5' });
    expect(await start('')).toEqual({ ...first, faults: 'none' });
  });

  it('says what is no fault, whether it runs already or not', async () => {
    const starting = start('flood');
    await expect(starting).rejects.toThrow(AdviceError);
    await expect(starting).rejects.toThrow('"flood" is not a fault.');
    await start('');
    const telling = start('flood');
    await expect(telling).rejects.toThrow(AdviceError);
    await expect(telling).rejects.toThrow('"flood" is not a fault.');
  });
});
