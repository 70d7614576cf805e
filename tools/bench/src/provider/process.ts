import { startCollector } from './collector';
import { startSink, type SinkSettings } from './sink';
import { startVerifier, type VerifierSettings } from './verifier';

/** What a process of the bench can be. */
export type Role = 'sink' | 'verifier' | 'collector';

/** A call of one of its methods, from whoever started it. */
export interface Question {
  id: number;
  /** A method, or `url`. */
  method: string;
  args: readonly unknown[];
}

/** Runs one part until whoever started it lets go of it, or ends. */
async function main([role, settings = '{}']: readonly string[]): Promise<void> {
  const part = await start(role as Role, JSON.parse(settings));
  const members = part as unknown as Record<string, string | ((...args: readonly unknown[]) => unknown)>;
  const answer = async ({ id, method, args }: Question) => {
    const member = members[method];
    const value: unknown = typeof member === 'function' ? await member(...args) : member;
    process.send?.({ id, value });
  };
  process.on('message', (question: Question) => void answer(question));
  process.on('disconnect', () => process.exit());
}

function start(role: Role, settings: unknown) {
  switch (role) {
    case 'sink':
      return startSink(settings as SinkSettings);
    case 'verifier':
      return startVerifier(settings as VerifierSettings);
    case 'collector':
      return startCollector();
  }
}

void main(process.argv.slice(2));
