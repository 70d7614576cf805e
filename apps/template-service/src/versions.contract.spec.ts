import { randomUUID } from 'node:crypto';
import { ConfigurationChanged_Kind } from '@herald/contracts/event';
import {
  MissingSlugPolicy,
  PreviewTemplateRequest,
  PreviewTemplateResponse_Encoding,
  Template_State,
} from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { eventually, refusal, faultsOf } from '@herald/testing';
import { created, published, runningService, type RunningService, type Templates } from '../test/running-service';

let service: RunningService;
let org: string;
let templates: Templates;

describe('TemplateService, versions', () => {
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

  const setText = async (id: string, text: string) => {
    const { template } = await templates.getTemplate({ templateId: id });
    if (!template) throw new Error('no template');
    await templates.updateTemplate({
      template: { ...template, localizedTexts: [{ language: 'en-US', text }] },
      updateMask: ['localized_texts'],
      revision: 0,
    });
  };

  describe('PublishTemplate', () => {
    it('makes the draft a version and announces it', async () => {
      const { id, ...draft } = await created(templates);
      service.clock.advance(1000);
      const { template, version } = await published(templates, id);
      expect(template).toEqual({
        ...{ ...draft, id, state: Template_State.PUBLISHED, publishedVersion: 1, updateTime: service.clock.now() },
      });
      expect(version).toEqual({
        templateId: id,
        version: 1,
        channelType: ChannelType.SMS,
        defaultLanguage: 'en-US',
        localizedTexts: draft.localizedTexts,
        slugs: ['CustomerName', 'CaseName'],
        missingSlugPolicy: MissingSlugPolicy.STRICT,
        contentSid: '',
        contentHash: expect.stringMatching(/^[0-9a-f]{64}$/),
        publishTime: service.clock.now(),
      });
      await eventually(() =>
        expect(service.announced(org)).toEqual([{ orgId: org, kind: ConfigurationChanged_Kind.TEMPLATE, id }]),
      );
    });

    it('numbers versions without gaps', async () => {
      const { id } = await created(templates);
      const numbers: number[] = [];
      for (const text of ['One', 'Two', 'Three']) {
        await setText(id, text);
        numbers.push((await published(templates, id)).version.version);
        await refusal(published(templates, id));
      }
      expect(numbers).toEqual([1, 2, 3]);
    });

    it('answers a repeat with the first answer, even after the template is archived', async () => {
      const { id } = await created(templates);
      const request = { requestId: randomUUID(), templateId: id };
      const first = await templates.publishTemplate(request);
      await templates.archiveTemplate({ templateId: id });
      expect(await templates.publishTemplate(request)).toEqual(first);
    });

    it('publishes once for calls at once with the same request id', async () => {
      const { id } = await created(templates);
      const request = { requestId: randomUUID(), templateId: id };
      const answers = await Promise.all([1, 2, 3].map(() => templates.publishTemplate(request)));
      expect(answers[1]).toEqual(answers[0]);
      expect(answers[2]).toEqual(answers[0]);
      const { versions } = await templates.listTemplateVersions({ templateId: id, pageSize: 0, pageToken: '' });
      expect(versions).toHaveLength(1);
    });

    it('TEMPLATE_ALREADY_PUBLISHED: of publishers at once, one publishes', async () => {
      const { id } = await created(templates);
      const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => published(templates, id)));
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refused.map(({ reason }) => (reason as { reason: string }).reason)).toEqual(
        Array(3).fill('TEMPLATE_ALREADY_PUBLISHED'),
      );
      expect((await templates.getTemplate({ templateId: id })).template?.publishedVersion).toBe(1);
    });

    it('TEMPLATE_ALREADY_PUBLISHED: a draft that was changed and changed back', async () => {
      const { id } = await created(templates, { localizedTexts: [{ language: 'en-US', text: 'One' }] });
      await published(templates, id);
      await setText(id, 'Two');
      await setText(id, 'One');
      expect(await refusal(published(templates, id))).toMatchObject({
        reason: 'TEMPLATE_ALREADY_PUBLISHED',
        detail: { metadata: { version: '1' } },
      });
    });

    it('REQUEST_ID_REUSED: the same request id for another template', async () => {
      const request = { requestId: randomUUID(), templateId: (await created(templates)).id };
      await templates.publishTemplate(request);
      const other = await created(templates);
      const error = await refusal(templates.publishTemplate({ ...request, templateId: other.id }));
      expect(error.reason).toBe('REQUEST_ID_REUSED');
    });

    it('publishes the draft as it was before or after a change at once, never half of it', async () => {
      const { id } = await created(templates, { localizedTexts: [{ language: 'en-US', text: 'One' }] });
      const [{ version }] = await Promise.all([published(templates, id), setText(id, 'Two')]);
      expect(version.localizedTexts).toEqual([{ language: 'en-US', text: expect.stringMatching(/^(One|Two)$/) }]);
      const { template } = await templates.getTemplate({ templateId: id });
      expect(template).toMatchObject({ localizedTexts: [{ text: 'Two' }], publishedVersion: 1, revision: 2 });
    });

    it('TEMPLATE_ARCHIVED: archived at once, a template ends so, and what was published in time stays', async () => {
      const { id } = await created(templates);
      const [publishing] = await Promise.allSettled([
        published(templates, id),
        templates.archiveTemplate({ templateId: id }),
      ]);
      const { template } = await templates.getTemplate({ templateId: id });
      const publishedVersion = publishing.status === 'fulfilled' ? 1 : 0;
      expect(template).toMatchObject({ state: Template_State.ARCHIVED, publishedVersion });
      if (publishing.status === 'rejected') expect(publishing.reason).toMatchObject({ reason: 'TEMPLATE_ARCHIVED' });
    });

    it('TEMPLATE_DRAFT_INVALID: lists everything that keeps the draft from being sent', async () => {
      const { id } = await created(templates, {
        localizedTexts: [
          { language: 'es-ES', text: 'Hola {' },
          { language: 'fr', text: 'Bonjour {CustomerName}' },
          { language: 'de', text: 'Hallo {CustomerName' },
          { language: 'it', text: 'Ciao {FullName{Custmer}}' },
        ],
      });
      const error = await refusal(published(templates, id));
      expect(error).toMatchObject({
        reason: 'TEMPLATE_DRAFT_INVALID',
        detail: { preconditions: [{ type: 'TEMPLATE_DRAFT_INVALID', subject: `template/${id}` }] },
      });
      expect(faultsOf(error)).toEqual([
        'template.localized_texts FIELD_REQUIRED',
        'template.localized_texts[0].text SLUG_INVALID',
        'template.localized_texts[2].text SLUG_INVALID',
        'template.localized_texts[3].text SLUG_UNKNOWN',
      ]);
      expect(service.announced(org)).toEqual([]);
    });

    it('TEMPLATE_ARCHIVED: nothing new is published', async () => {
      const { id } = await created(templates);
      await templates.archiveTemplate({ templateId: id });
      expect((await refusal(published(templates, id))).reason).toBe('TEMPLATE_ARCHIVED');
    });

    it('TEMPLATE_NOT_FOUND: an id that is no template', async () => {
      expect((await refusal(published(templates, randomUUID()))).reason).toBe('TEMPLATE_NOT_FOUND');
    });

    it('INVALID_FIELD: neither a request id nor a template id', async () => {
      const error = await refusal(templates.publishTemplate({ requestId: '', templateId: 'one' }));
      expect(faultsOf(error)).toEqual(['request_id FIELD_REQUIRED', 'template_id FIELD_MALFORMED']);
    });
  });

  describe('GetTemplateVersion', () => {
    it('returns the version asked for, 0 for the newest', async () => {
      const { id } = await created(templates);
      const first = (await published(templates, id)).version;
      await setText(id, 'Other');
      const second = (await published(templates, id)).version;
      const get = async (version: number) => (await templates.getTemplateVersion({ templateId: id, version })).version;
      expect([await get(1), await get(2), await get(0)]).toEqual([first, second, second]);
      expect(first.contentHash).not.toBe(second.contentHash);
    });

    it('says whether the template is archived, to the services that send with it as well', async () => {
      const { id } = await created(templates);
      const { version } = await published(templates, id);
      await templates.archiveTemplate({ templateId: id });
      for (const caller of [templates, service.asService('dispatch', org), service.asService('configuration', org)]) {
        expect(await caller.getTemplateVersion({ templateId: id, version: 1 })).toEqual({ version, archived: true });
      }
    });

    it('TEMPLATE_NOT_PUBLISHED: the newest of none', async () => {
      const { id } = await created(templates);
      const error = await refusal(templates.getTemplateVersion({ templateId: id, version: 0 }));
      expect(error.reason).toBe('TEMPLATE_NOT_PUBLISHED');
    });

    it('TEMPLATE_VERSION_NOT_FOUND: a version that there is not', async () => {
      const { id } = await created(templates);
      await published(templates, id);
      const error = await refusal(templates.getTemplateVersion({ templateId: id, version: 2 }));
      expect(error.reason).toBe('TEMPLATE_VERSION_NOT_FOUND');
    });

    it('INVALID_FIELD: neither an id nor a version', async () => {
      const error = await refusal(templates.getTemplateVersion({ templateId: '', version: -1 }));
      expect(faultsOf(error)).toEqual(['template_id FIELD_REQUIRED', 'version FIELD_OUT_OF_RANGE']);
    });
  });

  describe('ListTemplateVersions', () => {
    it('lists the newest first, page by page', async () => {
      const { id } = await created(templates);
      for (const text of ['One', 'Two', 'Three']) {
        await setText(id, text);
        await published(templates, id);
      }
      const first = await templates.listTemplateVersions({ templateId: id, pageSize: 2, pageToken: '' });
      expect(first.versions.map(({ version }) => version)).toEqual([3, 2]);
      const last = await templates.listTemplateVersions({
        templateId: id,
        pageSize: 2,
        pageToken: first.nextPageToken,
      });
      expect(last.versions.map(({ version }) => version)).toEqual([1]);
      expect(last.nextPageToken).toBe('');
    });

    it('is empty for a template that was never published', async () => {
      const { id } = await created(templates);
      const page = await templates.listTemplateVersions({ templateId: id, pageSize: 0, pageToken: '' });
      expect(page).toEqual({ versions: [], nextPageToken: '' });
    });

    it.each(['bm9uc2Vuc2U', 'OTk5OTk5OTk5OQ', 'MA'])('PAGE_TOKEN_INVALID: %s', async (pageToken) => {
      const { id } = await created(templates);
      const error = await refusal(templates.listTemplateVersions({ templateId: id, pageSize: 0, pageToken }));
      expect(error.reason).toBe('PAGE_TOKEN_INVALID');
    });
  });

  describe('PreviewTemplate', () => {
    const preview = (request: Partial<PreviewTemplateRequest>) =>
      templates.previewTemplate(PreviewTemplateRequest.fromPartial(request));

    it("renders the draft in the contact's language, an LCID or a tag", async () => {
      const { id } = await created(templates);
      const contextItems = { CUSTOMERNAME: 'Zoë Çelik', casename: '42' };
      const answer = {
        text: 'Hola Zoë Çelik, 42',
        language: 'es-ES',
        languageFellBack: false,
        segments: 1,
        encoding: PreviewTemplateResponse_Encoding.UCS_2,
        units: 18,
        missingSlugs: [],
      };
      expect(await preview({ templateId: id, locale: '3082', contextItems })).toEqual(answer);
      expect(await preview({ templateId: id, locale: 'es-es', contextItems })).toEqual(answer);
    });

    it('falls back to the default language and says so', async () => {
      const { id } = await created(templates);
      const fellBack = await preview({ templateId: id, locale: 'fi-FI', customerName: 'Ana' });
      expect(fellBack).toMatchObject({ text: 'Hello Ana', language: 'en-US', languageFellBack: true });
      const byDefault = await preview({ templateId: id, customerName: 'Ana' });
      expect(byDefault).toMatchObject({ text: 'Hello Ana', language: 'en-US', languageFellBack: false });
    });

    it('renders a version as it was published', async () => {
      const { id } = await created(templates);
      await published(templates, id);
      await setText(id, 'Other');
      expect(await preview({ templateId: id, version: 1, customerName: 'Ana' })).toMatchObject({ text: 'Hello Ana' });
      expect(await preview({ templateId: id, version: 0, customerName: 'Ana' })).toMatchObject({ text: 'Other' });
    });

    it('counts segments, extension characters as two units', async () => {
      const { id } = await created(templates, { localizedTexts: [{ language: 'en-US', text: `${'x'.repeat(159)}€` }] });
      expect(await preview({ templateId: id })).toMatchObject({
        segments: 2,
        encoding: PreviewTemplateResponse_Encoding.GSM_7,
        units: 161,
      });
    });

    it('lists missing slugs and renders nothing under the strict policy', async () => {
      const { id } = await created(templates);
      expect(await preview({ templateId: id, locale: 'es' })).toEqual({
        text: '',
        language: 'es-ES',
        languageFellBack: false,
        segments: 0,
        encoding: PreviewTemplateResponse_Encoding.UNSPECIFIED,
        units: 0,
        missingSlugs: ['customername', 'CaseName'],
      });
    });

    it('lists missing slugs and renders without them under the empty policy', async () => {
      const { id } = await created(templates, { missingSlugPolicy: MissingSlugPolicy.EMPTY });
      expect(await preview({ templateId: id })).toMatchObject({ text: 'Hello ', missingSlugs: ['CustomerName'] });
    });

    it('renders a template that is archived', async () => {
      const { id } = await created(templates);
      await templates.archiveTemplate({ templateId: id });
      expect(await preview({ templateId: id, customerName: 'Ana' })).toMatchObject({ text: 'Hello Ana' });
    });

    it('INVALID_FIELD: context items that contradict each other', async () => {
      const { id } = await created(templates);
      const error = await refusal(preview({ templateId: id, contextItems: { Name: 'Ana', NAME: 'Bea' } }));
      expect(faultsOf(error)).toEqual(['context_items FIELD_CONFLICT']);
    });

    it('shows a text that is too long to be sent', async () => {
      const { id } = await created(templates);
      const answer = await preview({ templateId: id, customerName: 'x'.repeat(2_000) });
      expect(answer).toMatchObject({ segments: 14, units: 2_006 });
    });

    it('INVALID_FIELD: values that make a text of a size nobody sends', async () => {
      const { id } = await created(templates, { localizedTexts: [{ language: 'en-US', text: '{a}'.repeat(500) }] });
      const error = await refusal(preview({ templateId: id, contextItems: { a: 'कि'.repeat(50_000) } }));
      expect(faultsOf(error)).toEqual(['context_items FIELD_TOO_LONG']);
    });

    it('INVALID_FIELD: too many context items', async () => {
      const contextItems = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`key${index}`, '']));
      const error = await refusal(preview({ templateId: randomUUID(), contextItems }));
      expect(faultsOf(error)).toEqual(['context_items FIELD_TOO_MANY']);
    });

    it('TEMPLATE_LANGUAGE_NOT_FOUND: a draft without a text to fall back to', async () => {
      const { id } = await created(templates, { localizedTexts: [] });
      expect((await refusal(preview({ templateId: id }))).reason).toBe('TEMPLATE_LANGUAGE_NOT_FOUND');
    });

    it('TEMPLATE_DRAFT_INVALID: a text with a broken slug', async () => {
      const { id } = await created(templates, { localizedTexts: [{ language: 'en-US', text: 'Hello {Customer' }] });
      const error = await refusal(preview({ templateId: id }));
      expect(error.reason).toBe('TEMPLATE_DRAFT_INVALID');
      expect(faultsOf(error)).toEqual(['template.localized_texts[0].text SLUG_INVALID']);
    });

    it('TEMPLATE_VERSION_NOT_FOUND: a version that there is not', async () => {
      const { id } = await created(templates);
      expect((await refusal(preview({ templateId: id, version: 1 }))).reason).toBe('TEMPLATE_VERSION_NOT_FOUND');
    });
  });
});
