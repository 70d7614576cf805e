import { randomUUID } from 'node:crypto';
import { refusal } from '@herald/testing';
import { Template_State, TemplateServiceService } from '@herald/contracts/template';
import { SCOPES, SERVICE_NAMES } from '@herald/grpc';
import {
  created,
  creation,
  givenTemplate,
  published,
  runningService,
  type RunningService,
  type Templates,
} from '../test/running-service';
import { TEMPLATE_ACCESS } from './access';

let service: RunningService;

type Rpc = keyof typeof TEMPLATE_ACCESS;

/** One valid call of each RPC that names a template. */
const CALLS: Record<
  Exclude<Rpc, 'createTemplate' | 'listTemplates'>,
  (caller: Templates, id: string) => Promise<unknown>
> = {
  getTemplate: (caller, templateId) => caller.getTemplate({ templateId }),
  updateTemplate: (caller, id) =>
    caller.updateTemplate({ template: givenTemplate({ id }), updateMask: [], revision: 0 }),
  publishTemplate: (caller, templateId) => caller.publishTemplate({ requestId: randomUUID(), templateId }),
  archiveTemplate: (caller, templateId) => caller.archiveTemplate({ templateId }),
  listTemplateVersions: (caller, templateId) => caller.listTemplateVersions({ templateId, pageSize: 0, pageToken: '' }),
  getTemplateVersion: (caller, templateId) => caller.getTemplateVersion({ templateId, version: 1 }),
  previewTemplate: (caller, templateId) =>
    caller.previewTemplate({ templateId, version: 1, locale: '', contextItems: {}, customerName: '', caseName: '' }),
  submitTemplateApproval: (caller, templateId) =>
    caller.submitTemplateApproval({ requestId: randomUUID(), templateId, channelAccountId: randomUUID() }),
  syncTemplateApproval: (caller, templateId) => caller.syncTemplateApproval({ templateId }),
};
const EVERY_CALL: Record<Rpc, (caller: Templates, id: string) => Promise<unknown>> = {
  ...CALLS,
  createTemplate: (caller) => caller.createTemplate(creation()),
  listTemplates: (caller) => caller.listTemplates({ pageSize: 0, pageToken: '', state: Template_State.UNSPECIFIED }),
};

const RPCS = Object.keys(TemplateServiceService) as Rpc[];
const UNIMPLEMENTED = ['submitTemplateApproval', 'syncTemplateApproval'];

describe('the doors', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });

  it('S1: a template of another organisation is not there, for any RPC that names one', async () => {
    const owner = service.as({ org: randomUUID() });
    const { id } = await created(owner);
    await published(owner, id);
    const before = await owner.getTemplate({ templateId: id });
    const stranger = service.as({ org: randomUUID(), scopes: SCOPES });
    for (const [rpc, call] of Object.entries(CALLS)) {
      const { reason } = await refusal(call(stranger, id));
      expect([rpc, reason]).toEqual([rpc, UNIMPLEMENTED.includes(rpc) ? 'UNIMPLEMENTED' : 'TEMPLATE_NOT_FOUND']);
    }
    expect(await owner.getTemplate({ templateId: id })).toEqual(before);
    expect(await EVERY_CALL.listTemplates(stranger, id)).toMatchObject({ templates: [] });
  });

  it('S1: an organisation that names itself in other ways than by its token changes nothing', async () => {
    const org = randomUUID();
    const owner = service.as({ org });
    const { id } = await created(owner);
    expect(await EVERY_CALL.getTemplate(service.as({ org: org.toUpperCase() }), id)).toMatchObject({
      template: { id },
    });
  });

  it.each(RPCS)('SCOPE_MISSING: %s, before anything is looked up', async (rpc) => {
    const sufficient: readonly string[] = TEMPLATE_ACCESS[rpc].scopes ?? [];
    const scopes = SCOPES.filter((scope) => !sufficient.includes(scope));
    const caller = service.as({ org: randomUUID(), scopes });
    expect((await refusal(EVERY_CALL[rpc](caller, randomUUID()))).reason).toBe('SCOPE_MISSING');
  });

  it.each(RPCS)('admits every scope and service of its row, and no other service: %s', async (rpc) => {
    const org = randomUUID();
    const refused = ['SCOPE_MISSING', 'CALLER_NOT_ALLOWED', 'UNAUTHENTICATED'];
    const isAdmitted = async (caller: Templates) => {
      const reason = await EVERY_CALL[rpc](caller, randomUUID()).then(
        () => '',
        (error: { reason: string }) => error.reason,
      );
      return !refused.includes(reason);
    };
    for (const scope of TEMPLATE_ACCESS[rpc].scopes ?? []) {
      expect(await isAdmitted(service.as({ org, scopes: [scope] }))).toBe(true);
    }
    const services: readonly string[] = TEMPLATE_ACCESS[rpc].services ?? [];
    for (const name of SERVICE_NAMES) {
      expect([name, await isAdmitted(service.asService(name, org))]).toEqual([name, services.includes(name)]);
    }
  });

  it.each(RPCS)('S4: UNAUTHENTICATED: %s', async (rpc) => {
    expect((await refusal(EVERY_CALL[rpc](service.asToken('none'), randomUUID()))).reason).toBe('UNAUTHENTICATED');
  });
});
