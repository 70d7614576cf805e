import { createHash } from 'node:crypto';
import { contentHash } from './content-hash';

const content: Parameters<typeof contentHash>[0] = {
  templateId: '0190a3f0-0000-7000-8000-000000000000',
  version: 2,
  channelType: 'SMS',
  defaultLanguage: 'en-US',
  texts: [
    { language: 'en-US', text: 'Hello {CustomerName}' },
    { language: 'es-ES', text: '¡Hola!' },
  ],
  slugs: ['CustomerName'],
  missingSlugPolicy: 'STRICT',
  contentSid: '',
};

describe('contentHash', () => {
  it('can be computed again by anybody: SHA-256 of JSON without spaces, its keys sorted', () => {
    const json =
      '{"channelType":"CHANNEL_TYPE_SMS","contentSid":"","defaultLanguage":"en-US",' +
      '"localizedTexts":[{"language":"en-US","text":"Hello {CustomerName}"},{"language":"es-ES","text":"¡Hola!"}],' +
      '"missingSlugPolicy":"MISSING_SLUG_POLICY_STRICT","slugs":["CustomerName"],' +
      '"templateId":"0190a3f0-0000-7000-8000-000000000000","version":2}';
    expect(contentHash(content)).toBe(createHash('sha256').update(json).digest('hex'));
  });

  it.each<Partial<typeof content>>([
    { templateId: '0190a3f0-0000-7000-8000-000000000001' },
    { version: 3 },
    { channelType: 'WHATSAPP' },
    { defaultLanguage: 'es-ES' },
    { texts: [...content.texts].reverse() },
    { slugs: [] },
    { missingSlugPolicy: 'EMPTY' },
    { contentSid: `HX${'0'.repeat(32)}` },
  ])('is another for other content: %j', (change) => {
    expect(contentHash({ ...content, ...change })).not.toBe(contentHash(content));
  });
});
