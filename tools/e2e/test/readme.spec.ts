import { TOPICS } from '@herald/bus';
import { CONTACT_REASONS, FIELD_REASONS, GRPC_CODE, MESSAGE_REASONS, REASONS, WARNINGS } from '@herald/errors';
import { choosePorts } from '@herald/herald-cli';
import { ENVIRONMENT } from '@herald/service';
import { tableUnder } from './readme';

const codeNames = new Map<number, string>(Object.entries(GRPC_CODE).map(([name, code]) => [code, name]));

describe('README.md says what the code has', () => {
  it('every environment variable, its default and what it is for', () => {
    const variables = Object.entries(ENVIRONMENT).map(([name, { byDefault, text }]) => [name, byDefault, text]);
    expect(tableUnder('## Environment')).toEqual(variables);
  });

  it('every port above the base of 50050', async () => {
    const listed = tableUnder('## Ports').map(([port, what = '']) => [/^\w+/.exec(what)?.[0], Number(port)]);
    expect(Object.fromEntries(listed)).toEqual(await choosePorts(50_050, undefined));
  });

  it('every topic', () => {
    const topics = Object.entries(TOPICS).map(([name, { key, partition, what, from, to }]) => [
      ...[name, key, partition, what, from, to],
    ]);
    expect(tableUnder('## Topics')).toEqual(topics);
  });

  it('every reason a call is refused for', () => {
    const reasons = Object.entries(REASONS).map(([name, { code, retryable, text }]) => [
      ...[name, codeNames.get(code), retryable ? 'yes' : 'no', text],
    ]);
    expect(tableUnder('### Calls')).toEqual(reasons);
  });

  it('every reason a field is refused for', () => {
    expect(tableUnder('### Fields')).toEqual(Object.entries(FIELD_REASONS).map(([name, { text }]) => [name, text]));
  });

  it('every reason a contact gets no message', () => {
    const reasons = Object.entries(CONTACT_REASONS).map(([name, { outcome, text }]) => [name, outcome, text]);
    expect(tableUnder('### Contacts')).toEqual(reasons);
  });

  it('every warning', () => {
    expect(tableUnder('### Warnings')).toEqual(Object.entries(WARNINGS).map(([name, { text }]) => [name, text]));
  });

  it('every reason a message ended as it did', () => {
    const reasons = Object.entries(MESSAGE_REASONS).map(([name, { state, text }]) => [name, state, text]);
    expect(tableUnder('### Messages')).toEqual(reasons);
  });
});
