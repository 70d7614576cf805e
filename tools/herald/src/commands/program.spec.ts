import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { program } from './program';

/** They run until they end by themselves or by a signal, and what they print is a story. */
const RUNNING = ['start', 'demo'];

/** A command line that throws where it would exit, and keeps what it would print. */
function quietProgram() {
  const printed: string[] = [];
  const quiet = (command: Command): void => {
    const keep = (text: string) => void printed.push(text);
    command.exitOverride().configureOutput({ writeOut: keep, writeErr: keep });
    command.commands.forEach(quiet);
  };
  const root = program({ environment: {}, inherited: {}, home: '/nowhere' });
  quiet(root);
  const run = async (...words: string[]) => {
    const outcome: unknown = await root.parseAsync(['node', 'herald', ...words]).then(
      () => 'an answer',
      (error: unknown) => error,
    );
    return { exitCode: outcome instanceof CommanderError ? outcome.exitCode : outcome, text: printed.join('') };
  };
  return { root, run };
}

/** Every command that does something, with the words it is called by. */
function leaves(command: Command, words: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[words.join(' '), command]];
  return command.commands.flatMap((child) => leaves(child, [...words, child.name()]));
}

/** Noun and verbs, as the table of the room's README has them. */
function documented(): Record<string, string[]> {
  const lines = readFileSync(join(__dirname, '..', '..', 'README.md'), 'utf8').split('\n');
  const from = lines.indexOf('### Nouns and verbs');
  const to = lines.findIndex((line, at) => at > from && line.startsWith('#'));
  const rows = lines.slice(from, to).flatMap((line) => {
    const [, noun, verbs] = /^\| `(\w+)` \|([^|]*)\|/.exec(line) ?? [];
    return noun === undefined ? [] : [[noun, (verbs ?? '').match(/\w+/g) ?? []] as const];
  });
  return Object.fromEntries(rows);
}

describe('the command line', () => {
  it('has the nouns and verbs of the README, and no others', () => {
    const found = quietProgram().root.commands.map((noun) => [noun.name(), noun.commands.map((verb) => verb.name())]);
    expect(documented()).toEqual(Object.fromEntries(found));
  });

  it('lists every noun in its help, and every verb in the help of its noun', async () => {
    const { root, run } = quietProgram();
    const help = (await run('--help')).text;
    for (const noun of root.commands) {
      expect(help).toMatch(new RegExp(`^  ${noun.name()} `, 'm'));
      const verbs = noun.helpInformation();
      for (const verb of noun.commands) expect(verbs).toMatch(new RegExp(`^  ${verb.name()} `, 'm'));
    }
  });

  it('says of every command and every option what it is for', () => {
    for (const [, command] of leaves(quietProgram().root)) {
      expect(command.description()).not.toBe('');
      for (const option of command.options) expect(option.description).not.toBe('');
    }
  });

  it('marks what a command cannot do without', () => {
    for (const [, command] of leaves(quietProgram().root)) {
      for (const { mandatory, description } of command.options)
        expect(/\(required\)$/.test(description)).toBe(mandatory);
    }
  });

  it('answers programs wherever it answers', () => {
    const without = leaves(quietProgram().root).filter(
      ([, command]) => !command.options.some(({ long }) => long === '--json'),
    );
    expect(without.map(([words]) => words)).toEqual(RUNNING);
  });

  it.each([
    ['a noun', ['tempalte'], "unknown command 'tempalte'", 'Did you mean template?'],
    ['a verb', ['ledger', 'chekc'], "unknown command 'chekc'", 'Did you mean check?'],
    ['an option', ['quota', 'show', '--jsno'], "unknown option '--jsno'", 'Did you mean --json?'],
    ['a required option', ['send', '--contacts', '-'], "required option '--configuration <id>'", '--contacts <file>'],
    ['an argument', ['request', 'get'], "missing required argument 'id'", 'Usage: herald request get [options] <id>'],
    ['a number', ['demo', '--contacts', 'many'], "argument 'many' is invalid", 'whole number from 1 to 100000.'],
    ['a port', ['start', '--port-base', '65500'], "argument '65500' is invalid", 'whole number from 0 to 65490.'],
    ['a page token', ['dlq', 'list', '--page-token', 'WzFd'], "argument 'WzFd' is invalid", 'the page before named.'],
    ['a lifetime', ['token', '--org', 'acme', '--ttl', '0'], "argument '0' is invalid", 'from 1 to 86400.'],
    ['an organisation', ['quota', 'show', '--org', ''], "argument '' is invalid", 'Write a name.'],
    [
      'the id of a request',
      ['send', '--configuration', 'any', '--contacts', '-', '--request-id', 'again'],
      "argument 'again' is invalid",
      'Write a UUID.',
    ],
  ])('exits 1 with advice when %s is wrong', async (_, words, problem, advice) => {
    const { exitCode, text } = await quietProgram().run(...words);
    expect(exitCode).toBe(1);
    expect(text).toContain(problem);
    expect(text).toContain(advice);
  });
});
