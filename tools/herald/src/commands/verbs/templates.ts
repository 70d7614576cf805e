import { MissingSlugPolicy, Template, Template_State } from '@herald/contracts/template';
import { ChannelType } from '@herald/contracts/type';
import { AdviceError } from '../../advice-error';
import { choiceOf, fileText, maskOf, numberOf, PAGE, pageOf, REQUEST_ID, requestIdOf, type Noun } from './verb';

/** Reads the texts of a template: a JSON file of language → text. */
async function textsOf(file: string | undefined): Promise<{ language: string; text: string }[]> {
  if (file === undefined) return [];
  try {
    const texts = JSON.parse(await fileText(file)) as Record<string, string>;
    return Object.entries(texts).map(([language, text]) => ({ language, text }));
  } catch (error) {
    if (error instanceof AdviceError) throw error;
    throw new AdviceError(
      `${file} is no JSON object of languages and texts, such as {"en-US": "Hello {CustomerName}"}.`,
    );
  }
}

const MISSING_SLUGS = { strict: MissingSlugPolicy.STRICT, empty: MissingSlugPolicy.EMPTY };

const TEXTS = {
  texts: 'a JSON file of languages and texts',
  'default-language': 'the language of whoever has no text of their own',
};

/** What can be done about templates. */
export const TEMPLATE: Noun = {
  noun: 'template',
  text: 'texts in languages',
  verbs: [
    {
      verb: 'create',
      text: 'create a template as a draft',
      options: {
        'name!': 'a name for people',
        'texts!': TEXTS.texts,
        'default-language!': TEXTS['default-language'],
        'missing-slugs': 'strict (refuse the contact) or empty (leave the slug out)',
        ...REQUEST_ID,
      },
      run: async ({ template }, options) =>
        template.createTemplate({
          requestId: requestIdOf(options),
          template: Template.fromPartial({
            name: options.name ?? '',
            channelType: ChannelType.SMS,
            defaultLanguage: options['default-language'] ?? '',
            localizedTexts: await textsOf(options.texts),
            missingSlugPolicy: MISSING_SLUGS[choiceOf(options['missing-slugs'], ['strict', 'empty']) ?? 'strict'],
          }),
        }),
    },
    {
      verb: 'get',
      text: 'show a template with its draft',
      takesId: true,
      run: ({ template }, _options, templateId) => template.getTemplate({ templateId }),
    },
    {
      verb: 'list',
      text: 'list templates',
      options: PAGE,
      run: ({ template }, options) => template.listTemplates({ ...pageOf(options), state: Template_State.UNSPECIFIED }),
    },
    {
      verb: 'update',
      text: 'change the draft of a template',
      takesId: true,
      options: { name: 'a name for people', ...TEXTS },
      run: async ({ template }, options, id) =>
        template.updateTemplate({
          template: Template.fromPartial({
            id,
            name: options.name ?? '',
            defaultLanguage: options['default-language'] ?? '',
            localizedTexts: await textsOf(options.texts),
          }),
          updateMask: maskOf(options, {
            name: 'name',
            texts: 'localized_texts',
            'default-language': 'default_language',
          }),
          revision: 0,
        }),
    },
    {
      verb: 'publish',
      text: 'publish the draft as a version that never changes',
      takesId: true,
      options: REQUEST_ID,
      run: ({ template }, options, templateId) =>
        template.publishTemplate({ requestId: requestIdOf(options), templateId }),
    },
    {
      verb: 'archive',
      text: 'end a template for good',
      takesId: true,
      run: ({ template }, _options, templateId) => template.archiveTemplate({ templateId }),
    },
    {
      verb: 'versions',
      text: 'list the published versions of a template',
      takesId: true,
      options: PAGE,
      run: ({ template }, options, templateId) => template.listTemplateVersions({ ...pageOf(options), templateId }),
    },
    {
      verb: 'preview',
      text: 'show how a message would read',
      takesId: true,
      options: {
        locale: 'the locale of the contact',
        values: 'a JSON file of slugs and values',
        version: 'a version; the draft if left out',
      },
      run: async ({ template }, options, templateId) =>
        template.previewTemplate({
          templateId,
          version: numberOf(options.version),
          locale: options.locale ?? '',
          customerName: '',
          caseName: '',
          contextItems: Object.fromEntries(
            (await textsOf(options.values)).map(({ language, text }) => [language, text]),
          ),
        }),
    },
  ],
};
