import type { Accounts } from './accounts';
import type { Behaviour } from './behaviour';
import type { CallbackSender } from './callbacks';
import type { Occurrences } from './chance';
import type { Ledger } from './ledger';
import type { LifeCycle } from './life-cycle';
import type { Timers } from './timers';

/** The parts of a running simulator. */
export interface Provider {
  behaviour: Behaviour;
  accounts: Accounts;
  ledger: Ledger;
  lifeCycle: LifeCycle;
  callbacks: CallbackSender;
  occurrences: Occurrences;
  /** `from|to` of every recipient who wrote STOP to a sender. */
  optOuts: Set<string>;
  /** Answers that wait. */
  timers: Timers;
  /** Resolves when nothing is under way, or with false after so long. */
  idle: (timeoutMs: number) => Promise<boolean>;
}
