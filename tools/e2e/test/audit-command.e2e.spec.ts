import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditEntry } from '@herald/contracts/audit';
import { heraldCommand, type HeraldCommand } from './herald-command';
import { oneProcessHerald } from './one-process-herald';
import { contactOf, requestOf } from './requests';
import type { RunningHerald } from './running-herald';

const ORG = '0190a000-0000-7000-8000-0000000a0d18';

describe('herald audit', () => {
  let herald: RunningHerald;
  let command: HeraldCommand;

  beforeAll(async () => {
    herald = await oneProcessHerald();
    const { outboundConfigurationId, templateId } = await herald.organisation(ORG);
    const { dispatch, template } = herald.as({ org: ORG });
    await dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, [contactOf()]));
    await template.archiveTemplate({ templateId });
    command = await heraldCommand(herald, { org: ORG, scopes: ['operator'] });
  });
  afterAll(async () => {
    await herald.stop();
    await command.stop();
  });

  const run: HeraldCommand['run'] = (...words) => command.run('audit', ...words);
  const listed = async (...words: string[]) => {
    const { out } = await run('list', '--json', ...words);
    return (JSON.parse(out) as { entries: AuditEntry[] }).entries;
  };
  const rpcs = (entries: readonly AuditEntry[]) => entries.map(({ rpc }) => rpc.split('/')[1]);

  it('lists what was changed in all services by time, the newest first', async () => {
    const entries = await listed();
    expect(rpcs(entries)).toEqual([
      ...[
        'ArchiveTemplate',
        'SendOutboundMessages',
        'CreateOutboundConfiguration',
        'PublishTemplate',
        'CreateTemplate',
      ],
      ...['ValidateChannel', 'CreateChannel', 'ValidateChannelAccount', 'CreateChannelAccount'],
    ]);
    expect(rpcs(await listed('--limit', '3'))).toEqual(rpcs(entries).slice(0, 3));
    const { out } = await run('list', '--limit', '1');
    expect(out).toMatch(
      /^entries:\n {2}- seq: 3\n.*\n {4}rpc: herald\.template\.v1\.TemplateService\/ArchiveTemplate\n/s,
    );
  });

  it('narrows the list to a service, an RPC, a subject and a time', async () => {
    const [newest] = await listed();
    expect(rpcs(await listed('--service', 'dispatch'))).toEqual(['SendOutboundMessages']);
    expect(rpcs(await listed('--rpc', 'ValidateChannel'))).toEqual(['ValidateChannel']);
    expect(rpcs(await listed('--subject', newest?.subjectId ?? ''))).toEqual([
      ...['ArchiveTemplate', 'PublishTemplate', 'CreateTemplate'],
    ]);
    const at = new Date(newest?.time ?? 0).toISOString();
    expect(rpcs(await listed('--from', at))).toEqual(['ArchiveTemplate']);
    expect(rpcs(await listed('--to', at))).not.toContain('ArchiveTemplate');
  });

  it.each([
    [['list', '--rpc', 'PublishTempalte'], '"PublishTempalte" is no RPC of template, configuration, dispatch.'],
    [['list', '--from', 'yesterday'], '"yesterday" is no time.'],
    [['list', '--service', 'conversation'], '"conversation" is none of template, configuration, dispatch.'],
    [['check', '--expected', '/nowhere'], '/nowhere cannot be read.'],
  ])('advises where a word is wrong: %j', async (words, advice) => {
    const { err, exitCode: code } = await run(...words);
    expect(err).toContain(advice);
    expect(code).toBe(1);
  });

  it('S16: checks every log against the heads of an earlier check, and exits 1 when one was cut off and written anew', async () => {
    const heads = join(command.folder, 'heads.json');
    const first = await run('check', '--json');
    expect(first).toMatchObject({ err: '', exitCode: undefined });
    await writeFile(heads, first.out);
    expect((await run('check', '--expected', heads)).exitCode).toBeUndefined();

    await herald.test.asOwner(`delete from template.audit_entry where org_id = $1`, [ORG]);
    const cut = await run('check');
    expect(cut.out).toMatch(/^intact: false\n.*kind: KIND_ENTRY_MISSING\n/s);
    expect(cut.exitCode).toBe(1);

    await herald.test.asOwner(`delete from template.audit_head where org_id = $1`, [ORG]);
    expect((await run('check')).exitCode).toBeUndefined();
    const found = await run('check', '--expected', heads, '--json');
    expect(JSON.parse(found.out)).toMatchObject({
      ...{ intact: false, configuration: { intact: true }, dispatch: { intact: true } },
      template: { intact: false, fault: { kind: 'KIND_HEAD_NOT_EXPECTED' } },
    });
    expect(found.exitCode).toBe(1);
  });
});
