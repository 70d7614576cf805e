import type { Draft, GivenDraft } from './draft';
import { applyUpdate, channelTypeViolations, isSameDraft, maskViolations } from './update-draft';

const stored: Draft = {
  name: 'Reminder',
  channelType: 'SMS',
  defaultLanguage: 'en',
  texts: [{ language: 'en', text: 'Hello' }],
  missingSlugPolicy: 'EMPTY',
  contentSid: '',
};
const nothing: GivenDraft = {
  name: '',
  channelType: 'UNSPECIFIED',
  defaultLanguage: '',
  texts: [],
  missingSlugPolicy: 'UNSPECIFIED',
  contentSid: '',
};

describe('applyUpdate', () => {
  it('takes over what is set where there is no mask', () => {
    expect(applyUpdate(stored, nothing, [])).toEqual(stored);
    expect(applyUpdate(stored, { ...nothing, name: 'Other' }, [])).toEqual({ ...stored, name: 'Other' });
    expect(applyUpdate(stored, { ...nothing, missingSlugPolicy: 'STRICT' }, [])).toMatchObject({
      missingSlugPolicy: 'STRICT',
    });
  });

  it('takes over what the mask names, empty or not, and nothing else', () => {
    const given = { ...nothing, name: 'Other', defaultLanguage: 'de' };
    expect(applyUpdate(stored, given, ['default_language', 'localized_texts', 'missing_slug_policy'])).toEqual({
      ...stored,
      defaultLanguage: 'de',
      texts: [],
      missingSlugPolicy: 'UNSPECIFIED',
    });
  });

  it('never takes over the channel type', () => {
    expect(applyUpdate(stored, { ...nothing, channelType: 'WHATSAPP' }, [])).toEqual(stored);
  });
});

describe('channelTypeViolations', () => {
  it('refuses another channel type where there is no mask to say that it is not meant', () => {
    const other: GivenDraft = { ...nothing, channelType: 'WHATSAPP' };
    expect(channelTypeViolations(stored, other, [])).toMatchObject([{ reason: 'FIELD_IMMUTABLE' }]);
    expect(channelTypeViolations(stored, other, ['name'])).toEqual([]);
    expect(channelTypeViolations(stored, { ...nothing, channelType: 'SMS' }, [])).toEqual([]);
    expect(channelTypeViolations(stored, nothing, [])).toEqual([]);
  });
});

describe('maskViolations', () => {
  it('takes every field that may change', () => {
    const mask = ['name', 'default_language', 'localized_texts', 'missing_slug_policy', 'content_sid'];
    expect(maskViolations(mask)).toEqual([]);
  });

  it('names each path that is none of them', () => {
    expect(maskViolations(['name', 'channel_type', 'constructor']).map(({ field, reason }) => [field, reason])).toEqual(
      [
        ['update_mask.paths[1]', 'FIELD_IMMUTABLE'],
        ['update_mask.paths[2]', 'FIELD_UNKNOWN_VALUE'],
      ],
    );
  });
});

describe('isSameDraft', () => {
  it.each<[string, Partial<Draft>]>([
    ['name', { name: 'Other' }],
    ['default language', { defaultLanguage: 'de' }],
    ['policy', { missingSlugPolicy: 'STRICT' }],
    ['content', { contentSid: 'HX' }],
    ['text', { texts: [{ language: 'en', text: 'Hello!' }] }],
    ['language of a text', { texts: [{ language: 'de', text: 'Hello' }] }],
    ['number of texts', { texts: [...stored.texts, { language: 'de', text: 'Hallo' }] }],
  ])('sees another %s', (_, changes) => {
    expect(isSameDraft(stored, { ...stored })).toBe(true);
    expect(isSameDraft(stored, { ...stored, ...changes })).toBe(false);
    expect(isSameDraft({ ...stored, ...changes }, stored)).toBe(false);
  });
});
