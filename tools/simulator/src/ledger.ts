import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Journal } from './journal';
import { applyChange, messageOf } from './message';
import type { Change, Message, Receipt } from './message';

type NewChange = Change extends infer Each ? (Each extends Change ? Omit<Each, 'at'> : never) : never;

/**
 * Every message the simulator accepted. Receipts are in `receipts.jsonl` before they are in memory or answered for;
 * what becomes of a message is in `changes.jsonl`. Opened on the same directory again, it knows what it knew.
 */
export class Ledger {
  /** In the order of acceptance. */
  readonly messages: Message[] = [];
  private readonly bySid = new Map<string, { message: Message; position: number }>();
  private readonly receipts: Journal;
  private readonly changes: Journal;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.receipts = new Journal(join(directory, 'receipts.jsonl'), (value) => this.add(value as Receipt));
    this.changes = new Journal(join(directory, 'changes.jsonl'), (value) => {
      const change = value as Change;
      const message = this.bySid.get(change.sid)?.message;
      if (message) applyChange(message, change);
    });
  }

  /** Writes the receipt; `done` has the message once it is written, or the error. */
  accept(receipt: Receipt, done: (result: Message | Error) => void): void {
    this.receipts.append(receipt, (error) => done(error ?? this.add(receipt)));
  }

  /** Changes a message and notes the change. */
  change(message: Message, change: NewChange): void {
    const dated: Change = { ...change, at: new Date().toISOString() };
    applyChange(message, dated);
    this.changes.append(dated);
  }

  find(sid: string): Message | undefined {
    return this.bySid.get(sid)?.message;
  }

  /** Where the message stands in {@link messages}, or undefined. */
  position(sid: string): number | undefined {
    return this.bySid.get(sid)?.position;
  }

  /** Forgets every message, on disk too. */
  clear(): void {
    this.receipts.clear();
    this.changes.clear();
    this.messages.length = 0;
    this.bySid.clear();
  }

  close(): void {
    this.receipts.close();
    this.changes.close();
  }

  private add(receipt: Receipt): Message {
    const message = messageOf(receipt);
    this.bySid.set(receipt.sid, { message, position: this.messages.length });
    this.messages.push(message);
    return message;
  }
}
