import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SAMPLE_ACCOUNT } from './accounts';
import { FAULTS } from './faults';
import { PROBLEMS } from './problems';

describe('README', () => {
  const text = readFileSync(join(__dirname, '../README.md'), 'utf8');
  const rows = (title: string): string[] => {
    const section = text.split(`## ${title}\n`)[1]?.split('\n##')[0] ?? '';
    return section.split('\n').filter((line) => line.startsWith('| '));
  };

  it('lists every fault, and no other', () => {
    const names = rows('Faults')
      .slice(1)
      .map((row) => /`([a-z0-9-]+)`/.exec(row)?.[1]);
    expect(names.toSorted()).toEqual(Object.keys(FAULTS).toSorted());
  });

  it('lists every refusal, and no other', () => {
    const codes = rows('Refusals').flatMap((row) => (row.split('|')[1] ?? '').match(/\d{5}/g) ?? []);
    expect(codes.toSorted()).toEqual(Object.keys(PROBLEMS).toSorted());
  });

  it('names the sample account', () => {
    for (const word of [
      SAMPLE_ACCOUNT.sid,
      SAMPLE_ACCOUNT.authToken,
      ...SAMPLE_ACCOUNT.shortCodes,
      ...SAMPLE_ACCOUNT.phoneNumbers,
    ]) {
      expect(text).toContain(word);
    }
  });
});
