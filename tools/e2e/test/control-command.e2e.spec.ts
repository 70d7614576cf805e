import type { Hold, OutboundRequest } from '@herald/contracts/dispatch';
import type { SampleOrganisation } from '@herald/herald-cli';
import { heraldCommand, type HeraldCommand } from './herald-command';
import { oneProcessHerald } from './one-process-herald';
import { contactOf, requestOf } from './requests';
import type { RunningHerald } from './running-herald';

const ORG = '0190a000-0000-7000-8000-0000000a0d19';
const AN_HOUR_MS = 3_600_000;

describe('herald pause, resume, request and status', () => {
  let herald: RunningHerald;
  let made: SampleOrganisation;
  let command: HeraldCommand;

  beforeAll(async () => {
    herald = await oneProcessHerald();
    made = await herald.organisation(ORG);
    command = await heraldCommand(herald, { org: ORG, scopes: ['send', 'read', 'operator'] });
  });
  afterAll(async () => {
    await herald.stop();
    await command.stop();
  });

  const runAt: HeraldCommand['runAt'] = (changed, ...words) => command.runAt(changed, ...words);
  const run: HeraldCommand['run'] = (...words) => command.run(...words);
  const json = async <Answer>(...words: string[]) => JSON.parse((await run(...words, '--json')).out) as Answer;
  const holds = async () => (await json<{ holds: Hold[] }>('pause', '--list')).holds;
  const waiting = async () => {
    const readyTime = new Date(Date.now() + AN_HOUR_MS);
    const request = requestOf(made.outboundConfigurationId, [contactOf()], { readyTime });
    return (await herald.as({ org: ORG }).dispatch.sendOutboundMessages(request)).outboundRequest?.id ?? '';
  };

  it('holds each kind of subject and lets it go on', async () => {
    const subjects = [
      ['--request', await waiting()],
      ['--configuration', made.outboundConfigurationId],
      ['--channel', made.channelId],
      ['--organization'],
    ];
    for (const subject of subjects) {
      await run('pause', ...subject, '--note', 'the text is wrong');
      expect(await holds()).toMatchObject([{ subjectId: subject[1] ?? '', note: 'the text is wrong' }]);
      await run('resume', ...subject);
      expect(await holds()).toEqual([]);
    }
  });

  it('says what to name, and what is not paused', async () => {
    expect(await run('pause')).toMatchObject({ err: expect.stringMatching(/^Name one of --request/), exitCode: 1 });
    const two = await run('pause', '--organization', '--channel', made.channelId);
    expect(two).toMatchObject({ err: expect.stringMatching(/^Name one of --request/), exitCode: 1 });
    expect(await run('resume', '--organization')).toMatchObject({
      err: 'It is not paused. "herald pause --list" has what is.\n',
      exitCode: 1,
    });
  });

  it('pauses, resumes and cancels a request, and prints its counts', async () => {
    const id = await waiting();
    const act = async (verb: string) =>
      (await json<{ outboundRequest: OutboundRequest }>('request', verb, id)).outboundRequest;
    expect(await act('pause')).toMatchObject({ paused: true, counts: { queued: 1 } });
    expect(await act('resume')).toMatchObject({ paused: false, counts: { queued: 1 } });
    expect(await act('cancel')).toMatchObject({ counts: { queued: 0, cancelled: 1 } });
    expect((await run('request', 'cancel', id)).out).toMatch(/^ {4}cancelled: 1$/m);
  });

  it('tells that all is well, and exits 1 with what to do when a service is not there', async () => {
    const { out, exitCode: code } = await run('status', '--json');
    const { isHealthy, dispatch, findings } = JSON.parse(out) as {
      isHealthy: boolean;
      dispatch: object;
      findings: { item: string }[];
    };
    expect([isHealthy, code]).toEqual([true, undefined]);
    expect(dispatch).toMatchObject({ sending: 0, unknown: 0, holds: 0 });
    expect(findings.map(({ item }) => item)).toEqual(expect.arrayContaining(['template', 'dispatch', 'queued']));

    const broken = await runAt({ HERALD_TEMPLATE_URL: '127.0.0.1:1' }, 'status');
    expect(broken.exitCode).toBe(1);
    expect(broken.out).toMatch(/^! template +127\.0\.0\.1:1 does not serve\n +Look at its log, or start it\.$/m);
    expect(broken.out).toMatch(/^isHealthy: false$/m);
  });
});
