import { PreviewTemplateResponse_Encoding, type PreviewTemplateResponse } from '@herald/contracts/template';
import { invalidFields, notFound } from '@herald/errors';
import type { Tx } from '@herald/postgres';
import {
  assembleValues,
  chooseLanguage,
  countSegments,
  render,
  TEXT_LENGTH_MAX,
  type CompiledTemplate,
} from '@herald/rendering';
import type { TemplateDeps } from './deps';
import { compileText } from './domain/compile-draft';
import type { Draft } from './domain/draft';
import { draftInvalid } from './refusals';
import { findTemplate } from './store/templates';
import { findVersion } from './store/versions';

/** What is to be rendered, a version or (0) the draft, and for whom. */
export interface Preview {
  templateId: string;
  version: number;
  /** Empty for the default language. */
  locale: string;
  contact: { contextItems: Readonly<Record<string, string>>; customerName: string; caseName: string };
}

type Source = Pick<Draft, 'defaultLanguage' | 'texts' | 'missingSlugPolicy'>;

/**
 * How a message would read, by the code that sends use. A contact's faults are answers here: missing slugs are listed,
 * and a text too long to send is shown, up to 16,000 characters. Throws TEMPLATE_LANGUAGE_NOT_FOUND for a draft that has no text in its
 * default language yet, and TEMPLATE_DRAFT_INVALID where the text cannot be read.
 */
export async function previewTemplate(
  { database }: TemplateDeps,
  org: string,
  preview: Preview,
): Promise<PreviewTemplateResponse> {
  const source = await database.read(org, (tx) => sourceOf(tx, org, preview));
  const languages = source.texts.map(({ language }) => language);
  const { language, fellBack } = chooseLanguage(preview.locale, languages, source.defaultLanguage);
  const index = languages.indexOf(language);
  const text = source.texts[index];
  if (!text) throw notFound('TEMPLATE_LANGUAGE_NOT_FOUND', 'language', language);
  const compiled = compileText(text.text, { language, index });
  if (compiled.kind === 'invalid') throw draftInvalid(preview.templateId, [compiled.violation]);
  const rendered = renderFor(preview.contact, compiled.compiled, source.missingSlugPolicy);
  return { ...rendered, language, languageFellBack: fellBack };
}

async function sourceOf(tx: Tx, org: string, { templateId, version }: Preview): Promise<Source> {
  const template = await findTemplate(tx, org, templateId);
  return version === 0 ? template : findVersion(tx, org, templateId, version);
}

type Rendered = Omit<PreviewTemplateResponse, 'language' | 'languageFellBack'>;

function renderFor(
  contact: Preview['contact'],
  compiled: CompiledTemplate,
  policy: Draft['missingSlugPolicy'],
): Rendered {
  const assembled = assembleValues(contact);
  if (assembled.kind === 'conflict') {
    const description = `gives ${assembled.key} twice, in other case and with another value`;
    throw invalidFields([{ field: 'context_items', reason: 'FIELD_CONFLICT', description }]);
  }
  const strict = render(compiled, assembled.values, 'strict');
  const missingSlugs = strict.kind === 'missing' ? [...strict.slugs] : [];
  const rendered = policy === 'EMPTY' ? render(compiled, assembled.values, 'empty') : strict;
  if (rendered.kind === 'missing') {
    return { text: '', segments: 0, encoding: PreviewTemplateResponse_Encoding.UNSPECIFIED, units: 0, missingSlugs };
  }
  refuseHuge(rendered.text);
  const { segments, encoding, units } = countSegments(rendered.text);
  return { text: rendered.text, segments, encoding: ENCODINGS[encoding], units, missingSlugs };
}

/**
 * A slug may stand in a text five hundred times, and a request has room for a value of 1 MB: to count what comes of that
 * took 12.7 s. Ten times what can be sent shows well enough that it is too long.
 */
const SHOWN_LENGTH_MAX = 10 * TEXT_LENGTH_MAX;

function refuseHuge({ length }: string): void {
  if (length <= SHOWN_LENGTH_MAX) return;
  const description = `makes a text of ${length} characters; at most ${SHOWN_LENGTH_MAX} are shown`;
  throw invalidFields([{ field: 'context_items', reason: 'FIELD_TOO_LONG', description }]);
}

const ENCODINGS = {
  'GSM-7': PreviewTemplateResponse_Encoding.GSM_7,
  'UCS-2': PreviewTemplateResponse_Encoding.UCS_2,
};
