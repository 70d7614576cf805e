import type { Accounts } from './accounts';
import { chooseOutcome } from './behaviour';
import type { Behaviour } from './behaviour';
import type { CallbackSender } from './callbacks';
import { chance, delayWithin } from './chance';
import { strikes } from './faults';
import type { Ledger } from './ledger';
import { errorText, isFinal } from './message';
import type { Message, MessageStatus } from './message';
import { Timers } from './timers';

interface Step {
  status: MessageStatus;
  errorCode: number | null;
}

/** What a life cycle works with. */
export interface LifeCycleParts {
  behaviour: Behaviour;
  accounts: Accounts;
  ledger: Ledger;
  callbacks: CallbackSender;
  onSettled: () => void;
}

/**
 * Moves each message through its statuses: queued → sending → sent → delivered or undelivered, or sending → failed. A
 * message of a messaging service starts at accepted and is queued first; a scheduled one waits for its time. Each step
 * comes after a delay chosen by the seed, changes the message and calls its status callback; the first status is never called back.
 */
export class LifeCycle {
  private readonly timers = new Timers();
  private moving = 0;

  constructor(private readonly parts: LifeCycleParts) {}

  /** How many messages are under way; those that wait for a time to be sent at are not. */
  get unfinished(): number {
    return this.moving;
  }

  /** Starts a new message, or goes on with one of an earlier run where it stopped. */
  start(message: Message): void {
    if (isFinal(message.status) || message.deleted) return;
    if (message.status === 'scheduled') {
      const waitMs = Math.max(0, Date.parse(message.receipt.sendAt ?? '') - Date.now());
      this.timers.after(waitMs, () => this.leaveSchedule(message));
      return;
    }
    this.move(message);
  }

  /** Cancels a scheduled message. */
  cancel(message: Message): void {
    this.change(message, { status: 'canceled', errorCode: null });
  }

  /** Lets every message stand where it is. */
  clear(): void {
    this.timers.clear();
    this.moving = 0;
    this.parts.onSettled();
  }

  private leaveSchedule(message: Message): void {
    if (message.status === 'scheduled' && !message.deleted) this.move(message);
  }

  private move(message: Message): void {
    const steps = this.stepsOf(message);
    const reached = steps.findIndex(({ status }) => status === message.status);
    this.moving += 1;
    this.next(message, steps.slice(reached + 1));
  }

  private next(message: Message, [step, ...later]: Step[]): void {
    if (step === undefined || message.deleted) {
      this.moving -= 1;
      this.parts.onSettled();
      return;
    }
    this.timers.after(this.delayBefore(message, step), () => {
      this.change(message, step);
      this.next(message, later);
    });
  }

  private delayBefore(message: Message, { status }: Step): number {
    const { seed, statusDelay, faults } = this.parts.behaviour;
    const key = `${keyOf(message)}|${status}`;
    const late = strikes(faults, 'cb-delay', seed, key);
    return delayWithin(statusDelay, seed, `delay|${key}`) + (late ? delayWithin(late.span, seed, `late|${key}`) : 0);
  }

  private stepsOf(message: Message): Step[] {
    const { behaviour } = this.parts;
    const outcome = chooseOutcome(behaviour, message.receipt.to, keyOf(message));
    const first: MessageStatus[] = message.receipt.initialStatus === 'queued' ? [] : ['queued'];
    const between = behaviour.statuses.filter((status) => outcome.status !== 'failed' || status !== 'sent');
    const steps = [...first, ...between].map((status): Step => ({ status, errorCode: null }));
    return [...steps, outcome];
  }

  private change(message: Message, { status, errorCode }: Step): void {
    const from = message.from ?? this.chooseSender(message);
    this.parts.ledger.change(message, { kind: 'status', sid: message.receipt.sid, status, errorCode, from });
    if (message.receipt.statusCallback !== null) this.callBack(message, message.receipt.statusCallback);
  }

  private chooseSender({ receipt }: Message): string | null {
    const pool =
      this.parts.accounts.get(receipt.accountSid)?.messagingServices[receipt.messagingServiceSid ?? ''] ?? [];
    const draw = chance(this.parts.behaviour.seed, `sender|${receipt.to}`);
    return pool[Math.floor(draw * pool.length)] ?? null;
  }

  private callBack(message: Message, address: string): void {
    const { behaviour, accounts, callbacks } = this.parts;
    const { seed, faults } = behaviour;
    const account = accounts.get(message.receipt.accountSid);
    if (!account) return;
    const key = `${keyOf(message)}|${message.status}`;
    if (strikes(faults, 'cb-drop', seed, key)) {
      callbacks.counts.dropped += 1;
      return;
    }
    const forged = strikes(faults, 'cb-badsig', seed, key) !== undefined;
    const authToken = forged ? `not-${account.authToken}` : account.authToken;
    const callback = { address, authToken, parameters: callbackParameters(message) };
    const shuffle = strikes(faults, 'cb-shuffle', seed, key);
    const copies = strikes(faults, 'cb-double', seed, key) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (shuffle) this.sendLater(callback, delayWithin(shuffle.span, seed, `shuffle|${copy}|${key}`));
      else callbacks.send(callback);
    }
  }

  private sendLater(callback: Parameters<CallbackSender['send']>[0], delayMs: number): void {
    this.moving += 1;
    this.timers.after(delayMs, () => {
      this.moving -= 1;
      this.parts.callbacks.send(callback);
    });
  }
}

/** What every seeded choice about a message hangs on. */
function keyOf({ receipt }: Message): string {
  return `${receipt.to}|${receipt.occurrence}`;
}

function callbackParameters(message: Message): Record<string, string> {
  const { receipt, status } = message;
  const parameters: Record<string, string> = {
    AccountSid: receipt.accountSid,
    ApiVersion: '2010-04-01',
    MessageSid: receipt.sid,
    MessageStatus: status,
    SmsSid: receipt.sid,
    SmsStatus: status,
    To: receipt.to,
  };
  if (message.from !== null) parameters['From'] = message.from;
  if (receipt.messagingServiceSid !== null) parameters['MessagingServiceSid'] = receipt.messagingServiceSid;
  if (message.errorCode !== null) {
    parameters['ErrorCode'] = String(message.errorCode);
    parameters['ErrorMessage'] = errorText(message.errorCode) ?? '';
  }
  if (status === 'delivered' || status === 'undelivered') parameters['RawDlrDoneDate'] = doneDate(message.updatedAt);
  return parameters;
}

/** The time of a delivery receipt as carriers write it: `YYMMDDhhmm`, in UTC. */
function doneDate(date: Date): string {
  return date.toISOString().replaceAll(/\D/g, '').slice(2, 12);
}
