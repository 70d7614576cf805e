import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';

interface Entry {
  line: string;
  done: ((error?: Error) => void) | undefined;
}

const READ_BYTES = 1 << 20;

/**
 * A file of JSON lines to which lines are only added.
 *
 * Lines of one turn of the event loop are written together, by one synchronous write, and only then are their callbacks
 * called: what was answered is in the hands of the operating system and survives the death of this process. It is not
 * synced to the disk: a power cut may take the last lines. A write that fails leaves none of its lines behind.
 */
export class Journal {
  private readonly file: number;
  private length: number;
  private waiting: Entry[] = [];

  constructor(path: string, read: (value: unknown) => void) {
    this.file = openSync(path, 'a+');
    this.length = this.load(read);
    // A process killed amid a write leaves half a line: it was never answered, and goes.
    if (fstatSync(this.file).size > this.length) ftruncateSync(this.file, this.length);
  }

  /** Adds a line; `done` is called when it is written, or with the error when it could not be. */
  append(value: unknown, done?: (error?: Error) => void): void {
    this.waiting.push({ line: JSON.stringify(value), done });
    if (this.waiting.length === 1) setImmediate(() => this.flush());
  }

  /** Writes what waits, at once. */
  flush(): void {
    const entries = this.waiting;
    if (entries.length === 0) return;
    this.waiting = [];
    const error = this.write(entries.map(({ line }) => `${line}\n`).join(''));
    for (const { done } of entries) done?.(error);
  }

  /** Forgets every line. */
  clear(): void {
    this.flush();
    ftruncateSync(this.file, 0);
    this.length = 0;
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }

  private write(text: string): Error | undefined {
    const bytes = Buffer.from(text);
    try {
      for (let offset = 0; offset < bytes.length;) offset += writeSync(this.file, bytes, offset);
      this.length += bytes.length;
      return undefined;
    } catch (error) {
      ftruncateSync(this.file, this.length);
      return error as Error;
    }
  }

  /** Reads the whole lines in pieces, and answers the length of them all. */
  private load(read: (value: unknown) => void): number {
    const piece = Buffer.alloc(READ_BYTES);
    let rest = Buffer.alloc(0);
    let position = 0;
    for (let count = 1; count > 0; position += count) {
      count = readSync(this.file, piece, 0, READ_BYTES, position);
      rest = Buffer.concat([rest, piece.subarray(0, count)]);
      const end = rest.lastIndexOf(0x0a) + 1;
      for (const line of rest.subarray(0, end).toString().split('\n')) {
        if (line !== '') read(JSON.parse(line));
      }
      rest = rest.subarray(end);
    }
    return position - rest.length;
  }
}
