import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import type { Running } from '@herald/service';
import { AdviceError } from '../advice-error';

/** A process that is started anew whenever it ends, until it is to stop. */
export interface KeptProcess extends Running {
  readonly name: string;
  readonly pid: number | undefined;
  /** Resolves when the process that runs now says that it is ready. Throws AdviceError when it does not come up. */
  ready(): Promise<void>;
  /** Sends the process a signal; one that it does not survive brings another process in its place. */
  signal(signal: NodeJS.Signals): void;
  /** Ends the process in order; no other takes its place until it is to join again. */
  leave(): Promise<void>;
  /** Starts one that left, and resolves when it is ready. */
  join(): Promise<void>;
  /** Ends the process, in order unless by SIGKILL, and resolves when the next one is ready. */
  restart(by?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** What to run, and how to tell that it is ready. */
export interface KeptProcessSettings {
  name: string;
  /** A program for node, and its environment. */
  program: string;
  env: Readonly<Record<string, string | undefined>>;
  isReady(): Promise<boolean>;
  /** Told of each process that is started. */
  onStart(): void;
}

/** A process that ends is started again after this time, and after twice as long each time that it soon ends again. */
const PAUSE_MS = 250;
const PAUSE_MS_MAX = 5_000;
const LONG_LIFE_MS = 10_000;
const READY_MS_MAX = 90_000;
const LOOK_EVERY_MS = 100;
const STOP_MS_MAX = 25_000;
/** So often may one end before it was ever ready; then something is wrong that another start does not mend. */
const FAILED_STARTS_MAX = 5;

/** Starts a process and keeps it running, as Kubernetes does with a container. */
export function keepProcess(settings: KeptProcessSettings): KeptProcess {
  return new Keeper(settings);
}

class Keeper implements KeptProcess {
  readonly name: string;
  readonly #settings: KeptProcessSettings;
  readonly #stopping = new AbortController();
  readonly #kept: Promise<void>;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #failedStarts = 0;
  /** Resolves when a process may run. */
  #mayRun = Promise.resolve();
  #join = () => {};

  constructor(settings: KeptProcessSettings) {
    this.#settings = settings;
    this.name = settings.name;
    this.#kept = this.#keep();
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async ready(): Promise<void> {
    const deadline = performance.now() + READY_MS_MAX;
    while (performance.now() < deadline && this.#failedStarts < FAILED_STARTS_MAX) {
      if (await this.#settings.isReady()) {
        this.#failedStarts = 0;
        return;
      }
      await pause(LOOK_EVERY_MS);
    }
    throw new AdviceError(`${this.name} did not come up. The log says why.`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async leave(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    [this.#mayRun, this.#join] = [promise, resolve];
    this.signal('SIGTERM');
    await this.#exited;
  }

  async join(): Promise<void> {
    this.#join();
    while (this.pid === undefined) await pause(LOOK_EVERY_MS);
    await this.ready();
  }

  async restart(by: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { pid } = this;
    this.signal(by);
    await this.#exited;
    while (this.pid === pid || this.pid === undefined) await pause(LOOK_EVERY_MS);
    await this.ready();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#join();
    this.signal('SIGTERM');
    // One that was suspended hears SIGTERM only when it goes on.
    this.signal('SIGCONT');
    const late = new AbortController();
    void pause(STOP_MS_MAX, undefined, { signal: late.signal }).then(
      () => this.signal('SIGKILL'),
      () => undefined,
    );
    await this.#kept;
    late.abort();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    let pauseMs = PAUSE_MS;
    while (!signal.aborted) {
      const startedAtMs = performance.now();
      await this.#run();
      const hasLivedLong = performance.now() - startedAtMs > LONG_LIFE_MS;
      this.#failedStarts = hasLivedLong ? 0 : this.#failedStarts + 1;
      pauseMs = hasLivedLong ? PAUSE_MS : Math.min(pauseMs * 2, PAUSE_MS_MAX);
      await pause(pauseMs, undefined, { signal }).catch(() => undefined);
      await this.#mayRun;
    }
  }

  async #run(): Promise<void> {
    const { program, env, onStart } = this.#settings;
    const { promise, resolve } = Promise.withResolvers<void>();
    const command = ['--enable-source-maps', program];
    // A group of its own: Ctrl-C reaches the keeper alone, which then stops all in order.
    const child = spawn(process.execPath, command, { env, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('exit', () => resolve()).once('error', () => resolve());
    this.#child = child;
    this.#exited = promise;
    onStart();
    await promise;
    this.#child = undefined;
  }
}
