import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Bench, control, post, sdk, untilIdle } from './support';

const ROOT = join(__dirname, '../../..');
const TO = '+14155550123';

interface Receipt {
  sid: string;
  to: string;
  messageId: string | null;
  attempt: string | null;
}

function receiptsIn(directory: string): Receipt[] {
  const lines = readFileSync(join(directory, 'receipts.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Receipt);
}

describe('the receipt log', () => {
  const bench = new Bench();
  afterEach(() => bench.close());

  async function simulatorProcess(
    ...flags: string[]
  ): Promise<{ child: ChildProcess; ready: { url: string; control: string; pid: number } }> {
    const child = spawn(
      process.execPath,
      ['-r', 'tsx/cjs', 'tools/simulator/src/main.ts', '--json', '--port', '0', ...flags],
      {
        cwd: ROOT,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    bench.onClose(() => void child.kill('SIGKILL'));
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return { child, ready: JSON.parse(line) as { url: string; control: string; pid: number } };
  }

  it('holds every message that was answered, though the process is killed at once', async () => {
    const directory = bench.directory();
    const { child, ready } = await simulatorProcess('--receipts', directory);
    expect(ready.pid).toBe(child.pid);
    expect(ready.control).toBe(`${ready.url}/_ctl`);
    const exited = once(child, 'exit');
    const answered: string[] = [];
    const sends = Array.from({ length: 50 }, async (_, index) => {
      const response = await post(ready.url, { To: TO, StatusCallback: `http://127.0.0.1:9/x?m=${index}&a=1` });
      answered.push(((await response.json()) as { sid: string }).sid);
      if (answered.length === 10) child.kill('SIGKILL');
    });
    await Promise.allSettled(sends);
    await exited;
    expect(answered.length).toBeGreaterThanOrEqual(10);
    const receipts = receiptsIn(directory);
    expect(receipts.map(({ sid }) => sid)).toEqual(expect.arrayContaining(answered));
    expect(receipts[0]).toMatchObject({ to: TO, messageId: '0', attempt: '1' });
  });

  it('is read again by the next run, which finishes what was under way', async () => {
    const receipts = bench.directory();
    const first = await bench.simulator({ receipts, statusDelay: { minMs: 60_000, maxMs: 60_000 } });
    const created = await sdk(first.url).messages.create({ to: TO, from: '12345', body: 'hello' });
    await first.stop();
    const second = await bench.simulator({ receipts });
    expect(await untilIdle(second.url)).toMatchObject({ idle: true });
    const fetched = await sdk(second.url).messages(created.sid).fetch();
    expect(fetched).toMatchObject({ body: 'hello', status: 'delivered', dateCreated: created.dateCreated });
    await second.stop();
    const third = await bench.simulator({ receipts, statusDelay: { minMs: 60_000, maxMs: 60_000 } });
    expect(await sdk(third.url).messages(created.sid).fetch()).toMatchObject({ status: 'delivered' });
    expect(await control(third.url, 'GET', 'callbacks')).toMatchObject({ unfinishedMessages: 0 });
  });

  it('loses a torn last line and nothing else', async () => {
    const receipts = bench.directory();
    const first = await bench.simulator({ receipts });
    await post(first.url, { To: TO });
    await first.stop();
    appendFileSync(join(receipts, 'receipts.jsonl'), '{"sid":"SM');
    const second = await bench.simulator({ receipts });
    await post(second.url, { To: TO });
    expect(await control(second.url, 'GET', 'receipts/summary')).toMatchObject({ receipts: 2 });
    expect(receiptsIn(receipts)).toHaveLength(2);
  });

  it('stops on SIGTERM with 0', async () => {
    const { child } = await simulatorProcess('--receipts', bench.directory());
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('does not start with faults it cannot read, and says what to write', async () => {
    const child = spawn(process.execPath, ['-r', 'tsx/cjs', 'tools/simulator/src/main.ts', '--faults', 'flood'], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    expect(await once(child, 'close')).toEqual([1, null]);
    expect(text).toContain('"flood" is not a fault. Write name[=span][:probability]');
  });
});
