import { randomUUID } from 'node:crypto';
import { MissingSlugPolicy, Template, Template_State } from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { eventually, refusal, faultsOf } from '@herald/testing';
import {
  created,
  creation,
  givenTemplate,
  published,
  runningService,
  type RunningService,
  type Templates,
} from '../test/running-service';

let service: RunningService;
let org: string;
let templates: Templates;

describe('TemplateService, drafts', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });
  beforeEach(() => {
    org = randomUUID();
    templates = service.as({ org });
  });

  describe('CreateTemplate', () => {
    it('stores a draft with its languages in canonical form', async () => {
      const template = await created(templates, { name: '  Reminder ', defaultLanguage: '1033' });
      expect(template).toEqual({
        ...givenTemplate(),
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        name: 'Reminder',
        localizedTexts: [
          { language: 'en-US', text: 'Hello {CustomerName}' },
          { language: 'es-ES', text: 'Hola {customername}, {CaseName}' },
        ],
        missingSlugPolicy: MissingSlugPolicy.STRICT,
        state: Template_State.DRAFT,
        publishedVersion: 0,
        revision: 1,
        createTime: service.clock.now(),
        updateTime: service.clock.now(),
      });
      expect(await templates.getTemplate({ templateId: template.id })).toEqual({ template });
    });

    it('ignores output-only fields', async () => {
      const id = randomUUID();
      const template = await created(templates, {
        id,
        state: Template_State.ARCHIVED,
        publishedVersion: 7,
        revision: 9,
      });
      expect(template).toMatchObject({ state: Template_State.DRAFT, publishedVersion: 0, revision: 1 });
      expect(template.id).not.toBe(id);
    });

    it('keeps a draft that is not ready to be published', async () => {
      const template = await created(templates, { localizedTexts: [{ language: 'de', text: 'Hallo {' }] });
      expect(template.localizedTexts).toEqual([{ language: 'de', text: 'Hallo {' }]);
    });

    it('INVALID_FIELD: lists everything that is wrong at once', async () => {
      const error = await refusal(
        templates.createTemplate({
          requestId: 'one',
          template: givenTemplate({
            name: ' ',
            channelType: ChannelType.UNSPECIFIED,
            defaultLanguage: 'no language',
            localizedTexts: [
              { language: 'es-ES', text: 'Hola' },
              { language: '3082', text: 'x'.repeat(1601) },
              { language: 'xx_!', text: ' ' },
              { language: 'fr', text: 'null\0' },
            ],
            contentSid: `HX${'0'.repeat(32)}`,
          }),
        }),
      );
      expect(error.reason).toBe('INVALID_FIELD');
      expect(faultsOf(error)).toEqual([
        'request_id FIELD_MALFORMED',
        'template.name FIELD_REQUIRED',
        'template.channel_type FIELD_REQUIRED',
        'template.default_language LANGUAGE_INVALID',
        'template.localized_texts[1].language LANGUAGE_DUPLICATE',
        'template.localized_texts[1].text FIELD_TOO_LONG',
        'template.localized_texts[2].language LANGUAGE_INVALID',
        'template.localized_texts[2].text FIELD_EMPTY',
        'template.localized_texts[3].text FIELD_MALFORMED',
        'template.content_sid FIELD_NOT_ALLOWED',
      ]);
    });

    it('INVALID_FIELD: tells as many faults as fit into an answer', async () => {
      const localizedTexts = Array.from({ length: 200 }, () => ({ language: 'no language', text: '' }));
      const error = await refusal(templates.createTemplate(creation({ localizedTexts })));
      expect(error.reason).toBe('INVALID_FIELD');
      expect(faultsOf(error)[0]).toBe('template.localized_texts[0].language LANGUAGE_INVALID');
    });

    it('INVALID_FIELD: a request without a template lacks its fields', async () => {
      const error = await refusal(templates.createTemplate({ requestId: randomUUID(), template: undefined }));
      expect(faultsOf(error)).toEqual([
        'template.name FIELD_REQUIRED',
        'template.channel_type FIELD_REQUIRED',
        'template.default_language FIELD_REQUIRED',
      ]);
    });

    it('answers a repeat with the first answer, whatever became of the template', async () => {
      const request = creation();
      const first = await templates.createTemplate(request);
      await templates.archiveTemplate({ templateId: first.template?.id ?? '' });
      const template = Template.fromPartial({ ...request.template, revision: 7 });
      const repeat = { requestId: request.requestId.toUpperCase(), template };
      expect(await templates.createTemplate(repeat)).toEqual(first);
      expect((await templates.listTemplates(everything)).templates).toHaveLength(1);
    });

    it('makes one template of two calls at once with the same request id', async () => {
      const request = creation();
      const [one, other] = await Promise.all([templates.createTemplate(request), templates.createTemplate(request)]);
      expect(other).toEqual(one);
      expect((await templates.listTemplates(everything)).templates).toHaveLength(1);
    });

    it('REQUEST_ID_REUSED: the same request id with other content', async () => {
      const request = creation();
      await templates.createTemplate(request);
      const error = await refusal(templates.createTemplate({ ...request, template: givenTemplate() }));
      expect(error.reason).toBe('REQUEST_ID_REUSED');
    });

    it('lets other callers and organisations use the same request id', async () => {
      const { requestId } = creation();
      const calls = [templates, service.as({ org, subject: 'bea' }), service.as({ org: randomUUID() })].map((caller) =>
        caller.createTemplate({ requestId, template: givenTemplate() }),
      );
      const ids = (await Promise.all(calls)).map(({ template }) => template?.id);
      expect(new Set(ids).size).toBe(3);
    });

    it('TEMPLATE_NAME_TAKEN: a name is taken without regard to case, in its organisation alone', async () => {
      await created(templates, { name: 'Straße' });
      const request = creation({ name: 'STRAßE' });
      expect((await refusal(templates.createTemplate(request))).reason).toBe('TEMPLATE_NAME_TAKEN');
      await created(service.as({ org: randomUUID() }), { name: 'straße' });
      // What was refused has not used up its request id.
      await templates.createTemplate({ ...request, template: givenTemplate() });
    });

    it('TEMPLATE_NAME_TAKEN: of two at once with one name, one is refused', async () => {
      const name = 'Reminder';
      const calls = [templates.createTemplate(creation({ name })), templates.createTemplate(creation({ name }))];
      const outcomes = await Promise.allSettled(calls);
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });
  });

  describe('GetTemplate', () => {
    it('TEMPLATE_NOT_FOUND: an id that is no template', async () => {
      const templateId = randomUUID();
      expect(await refusal(templates.getTemplate({ templateId }))).toMatchObject({
        reason: 'TEMPLATE_NOT_FOUND',
        detail: { resource: { type: 'template', name: templateId } },
      });
    });

    it.each(['', 'nonsense'])('INVALID_FIELD: the id "%s"', async (templateId) => {
      expect((await refusal(templates.getTemplate({ templateId }))).reason).toBe('INVALID_FIELD');
    });
  });

  /** Texts of 0.8 MB: 200 languages, 1,300 characters of three bytes each. */
  const heavy = [...'abcdefghijklmnopqrst'].flatMap((one) =>
    [...'abcdefghij'].map((other) => ({ language: `q${one}${other}`, text: '字'.repeat(1300) })),
  );
  const everything = { pageSize: 0, pageToken: '', state: Template_State.UNSPECIFIED };

  describe('ListTemplates', () => {
    it('lists the newest first, page by page', async () => {
      const ids: string[] = [];
      for (let count = 0; count < 5; count += 1) ids.unshift((await created(templates)).id);
      await created(service.as({ org: randomUUID() }));
      const pages: string[][] = [];
      let pageToken = '';
      do {
        const page = await templates.listTemplates({ ...everything, pageSize: 2, pageToken });
        pages.push(page.templates.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    });

    it('makes pages smaller that would be too heavy for an answer', async () => {
      const ids: string[] = [];
      for (let count = 0; count < 5; count += 1) ids.unshift((await created(templates, { localizedTexts: heavy })).id);
      const pages: string[][] = [];
      let pageToken = '';
      do {
        const page = await templates.listTemplates({ ...everything, pageToken });
        pages.push(page.templates.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      expect(pages).toEqual([ids.slice(0, 2), ids.slice(2, 4), ids.slice(4)]);
    });

    it('narrows the list to a state', async () => {
      const [draft, ready, ended] = [await created(templates), await created(templates), await created(templates)];
      await published(templates, ready.id);
      await templates.archiveTemplate({ templateId: ended.id });
      const listed = async (state: Template_State) =>
        (await templates.listTemplates({ ...everything, state })).templates.map(({ id }) => id);
      expect(await listed(Template_State.DRAFT)).toEqual([draft.id]);
      expect(await listed(Template_State.PUBLISHED)).toEqual([ready.id]);
      expect(await listed(Template_State.ARCHIVED)).toEqual([ended.id]);
    });

    it('goes on where a page ended, whatever was created since, and shows no other organisation’s', async () => {
      const first = await created(templates);
      await created(templates);
      const { nextPageToken } = await templates.listTemplates({ ...everything, pageSize: 1 });
      await created(templates);
      const rest = { ...everything, pageSize: 1, pageToken: nextPageToken };
      expect(await templates.listTemplates(rest)).toEqual({ templates: [first], nextPageToken: '' });
      const stranger = service.as({ org: randomUUID() });
      expect(await stranger.listTemplates(rest)).toEqual({ templates: [], nextPageToken: '' });
    });

    it('PAGE_TOKEN_INVALID: a token that no list gave', async () => {
      const error = await refusal(templates.listTemplates({ ...everything, pageToken: 'bm9uc2Vuc2U' }));
      expect(error.reason).toBe('PAGE_TOKEN_INVALID');
    });

    it('INVALID_FIELD: a state that there is not', async () => {
      const error = await refusal(templates.listTemplates({ ...everything, state: Template_State.UNRECOGNIZED }));
      expect(faultsOf(error)).toEqual(['state FIELD_UNKNOWN_VALUE']);
    });
  });

  describe('UpdateTemplate', () => {
    const update = (changes: Partial<Template>, updateMask: string[] = [], revision = 0) =>
      templates.updateTemplate({ template: Template.fromPartial(changes), updateMask, revision });

    it('changes what the mask names and nothing else', async () => {
      const { id, ...before } = await created(templates);
      service.clock.advance(1000);
      const { template } = await update({ id, name: 'Other', missingSlugPolicy: MissingSlugPolicy.EMPTY }, [
        'missing_slug_policy',
      ]);
      expect(template).toEqual({
        ...before,
        id,
        missingSlugPolicy: MissingSlugPolicy.EMPTY,
        revision: 2,
        updateTime: service.clock.now(),
      });
      expect((await templates.getTemplate({ templateId: id })).template).toEqual(template);
    });

    it('changes all that is set where there is no mask', async () => {
      const { id, ...before } = await created(templates);
      const localizedTexts = [{ language: 'EN-us', text: 'Good day' }];
      const { template } = await update({ id, localizedTexts });
      expect(template).toEqual({
        ...before,
        id,
        localizedTexts: [{ language: 'en-US', text: 'Good day' }],
        revision: 2,
      });
    });

    it('takes back a template as it was read, and counts no change that changes nothing', async () => {
      const template = await created(templates);
      expect(await update(template, [], 1)).toEqual({ template });
      expect(await update(template, [], 1)).toEqual({ template });
    });

    it('leaves published versions as they are', async () => {
      const { id } = await created(templates);
      const { version } = await published(templates, id);
      const { template } = await update({ id, localizedTexts: [{ language: 'en-US', text: 'Other' }] });
      expect(template).toMatchObject({ state: Template_State.PUBLISHED, publishedVersion: 1, revision: 2 });
      expect(await templates.getTemplateVersion({ templateId: id, version: 0 })).toEqual({ version, archived: false });
    });

    it('REVISION_STALE: a change made from a revision that is gone', async () => {
      const { id } = await created(templates);
      await update({ id, name: 'First' }, [], 1);
      expect(await refusal(update({ id, name: 'Second' }, [], 1))).toMatchObject({
        reason: 'REVISION_STALE',
        detail: { metadata: { revision: '2', revisionExpected: '1' } },
      });
    });

    it('answers the repeat of a change made from a revision as the first time', async () => {
      const { id } = await created(templates);
      const first = await update({ id, name: `First ${id}` }, ['name'], 1);
      expect(await update({ id, name: `First ${id}` }, ['name'], 1)).toEqual(first);
    });

    it('keeps both of two changes at once', async () => {
      const { id } = await created(templates);
      const missingSlugPolicy = MissingSlugPolicy.EMPTY;
      await Promise.all([update({ id, name: `Other ${id}` }), update({ id, missingSlugPolicy })]);
      const template = { name: `Other ${id}`, missingSlugPolicy, revision: 3 };
      expect(await templates.getTemplate({ templateId: id })).toMatchObject({ template });
    });

    it('REVISION_STALE: of changes at once from one revision, one is made', async () => {
      const { id } = await created(templates);
      const outcomes = await Promise.allSettled(
        ['One', 'Two', 'Three', 'Four'].map((name) => update({ id, name: `${name} ${id}` }, ['name'], 1)),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await templates.getTemplate({ templateId: id })).template?.revision).toBe(2);
    });

    it('FIELD_MASK_INVALID: names every path that may not be updated', async () => {
      const { id } = await created(templates);
      const error = await refusal(update({ id }, ['name', 'state', 'channel_type', '*']));
      expect(error.reason).toBe('FIELD_MASK_INVALID');
      expect(faultsOf(error)).toEqual([
        'update_mask.paths[1] FIELD_UNKNOWN_VALUE',
        'update_mask.paths[2] FIELD_IMMUTABLE',
        'update_mask.paths[3] FIELD_UNKNOWN_VALUE',
      ]);
    });

    it('INVALID_FIELD: lists everything that is wrong with the result', async () => {
      const { id } = await created(templates);
      const error = await refusal(
        update({ id, channelType: ChannelType.WHATSAPP, name: 'x'.repeat(201), contentSid: 'HX' }),
      );
      expect(faultsOf(error)).toEqual([
        'template.channel_type FIELD_IMMUTABLE',
        'template.name FIELD_TOO_LONG',
        'template.content_sid FIELD_NOT_ALLOWED',
      ]);
    });

    it('INVALID_FIELD: neither an id nor a revision', async () => {
      const error = await refusal(templates.updateTemplate({ template: undefined, updateMask: [], revision: -1 }));
      expect(faultsOf(error)).toEqual(['template.id FIELD_REQUIRED', 'revision FIELD_OUT_OF_RANGE']);
    });

    it('TEMPLATE_NAME_TAKEN: by another template, not by itself', async () => {
      const { id, name } = await created(templates);
      const other = await created(templates);
      await update({ id, name: name.toUpperCase() });
      expect((await refusal(update({ id: other.id, name }))).reason).toBe('TEMPLATE_NAME_TAKEN');
    });

    it('TEMPLATE_ARCHIVED: nothing changes any more', async () => {
      const { id } = await created(templates);
      await templates.archiveTemplate({ templateId: id });
      expect((await refusal(update({ id, name: 'Other' }))).reason).toBe('TEMPLATE_ARCHIVED');
    });

    it('TEMPLATE_NOT_FOUND: an id that is no template', async () => {
      expect((await refusal(update({ id: randomUUID(), name: 'Other' }))).reason).toBe('TEMPLATE_NOT_FOUND');
    });
  });

  describe('ArchiveTemplate', () => {
    it('ends a template and tells everybody once', async () => {
      const { id } = await created(templates);
      const { template } = await templates.archiveTemplate({ templateId: id });
      expect(template?.state).toBe(Template_State.ARCHIVED);
      expect(await templates.archiveTemplate({ templateId: id })).toEqual({ template });
      const other = await created(templates);
      await templates.archiveTemplate({ templateId: other.id });
      await eventually(() => expect(service.announced(org).map((change) => change.id)).toEqual([id, other.id]));
    });

    it('TEMPLATE_NAME_TAKEN: an archived template keeps its name', async () => {
      const { id, name } = await created(templates);
      await templates.archiveTemplate({ templateId: id });
      expect((await refusal(templates.createTemplate(creation({ name })))).reason).toBe('TEMPLATE_NAME_TAKEN');
    });

    it('TEMPLATE_NOT_FOUND: an id that is no template', async () => {
      const templateId = randomUUID();
      expect((await refusal(templates.archiveTemplate({ templateId }))).reason).toBe('TEMPLATE_NOT_FOUND');
    });
  });
});
