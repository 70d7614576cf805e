import { randomUUID } from 'node:crypto';
import { execute, sql } from '@herald/postgres';
import { rowLevelSecurityFaults, testDatabase, type TestDatabase } from '@herald/testing';
import type { Template } from './domain/draft';
import { migrations } from './migrations';
import { findTemplate, insertTemplate } from './store/templates';
import { insertVersion } from './store/versions';

let test: TestDatabase;

const draft = (): Template => ({
  id: randomUUID(),
  name: 'Reminder',
  channelType: 'SMS',
  defaultLanguage: 'en',
  texts: [{ language: 'en', text: 'Hello' }],
  missingSlugPolicy: 'STRICT',
  contentSid: '',
  state: 'DRAFT',
  publishedVersion: 0,
  revision: 1,
  createdAt: new Date(),
  updatedAt: new Date(),
});

async function stored(org: string): Promise<Template> {
  const template = draft();
  await test.database.transaction(org, (tx) => insertTemplate(tx, org, template));
  return template;
}

describe('the schema of templates', () => {
  beforeAll(async () => {
    test = await testDatabase({ service: 'template', migrations, poolMax: 1 });
  });
  afterAll(async () => {
    await test.close();
  });

  it('S2: forces row-level security on every table of organisations', async () => {
    expect(await rowLevelSecurityFaults(test, 'template', { workTables: ['outbox'] })).toEqual([]);
  });

  it('S2: shows an organisation its own rows alone, on a connection that another one used', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const { id } = await stored(one);
    const all = (org: string) => test.database.read(org, (tx) => sql<{ id: string }>(tx, 'select id from template'));
    expect(await all(one)).toEqual([{ id }]);
    expect(await all(other)).toEqual([]);
  });

  it('S2: refuses a row of another organisation, whatever the statement says', async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const { id } = await stored(one);
    await expect(test.database.transaction(one, (tx) => insertTemplate(tx, other, draft()))).rejects.toThrow(
      /row-level security/,
    );
    const changed = await test.database.transaction(other, (tx) =>
      execute(tx, `update template set name = 'Mine' where org_id = $1 and id = $2`, [one, id]),
    );
    expect(changed).toBe(0);
  });

  it('S2: raises where no organisation is set, rather than showing all rows', async () => {
    await expect(test.database.withoutOrg((tx) => sql(tx, 'select id from template'))).rejects.toThrow(
      /no organisation is set/,
    );
  });

  it('S2: gives the worker no right to templates', async () => {
    await expect(test.database.worker((tx) => sql(tx, 'select id from template'))).rejects.toThrow(/permission denied/);
  });

  it('lets nobody change a published version or delete a template', async () => {
    const org = randomUUID();
    const { id: templateId, ...template } = await stored(org);
    const version = { ...template, templateId, version: 1, slugs: [], contentHash: '', publishedAt: new Date() };
    await test.database.transaction(org, (tx) => insertVersion(tx, org, version));
    for (const text of [
      `update template_version set version = 2`,
      'delete from template_version',
      'delete from template',
    ]) {
      await expect(test.database.transaction(org, (tx) => sql(tx, text))).rejects.toThrow(/permission denied/);
    }
  });

  it('gives back what was stored, to the millisecond and in order', async () => {
    const org = randomUUID();
    const template = await stored(org);
    expect(await test.database.read(org, (tx) => findTemplate(tx, org, template.id))).toEqual(template);
  });
});
