/** The kinds of channel a template can be written for. */
export type ChannelTypeName = 'SMS' | 'WHATSAPP' | 'X_DIRECT_MESSAGE';

/** What becomes of a contact who lacks the value of a slug: refused, or the slug replaced by nothing. */
export type MissingSlugPolicyName = 'STRICT' | 'EMPTY';

/** The text of a template in one language. */
export interface LocalizedText {
  language: string;
  text: string;
}

/** What an author may change of a template. Languages are canonical BCP-47 tags, no two texts for the same one. */
export interface Draft {
  name: string;
  channelType: ChannelTypeName;
  defaultLanguage: string;
  texts: readonly LocalizedText[];
  missingSlugPolicy: MissingSlugPolicyName;
  contentSid: string;
}

/** A draft as a caller wrote it: nothing in it is checked. */
export interface GivenDraft {
  name: string;
  channelType: ChannelTypeName | 'UNSPECIFIED' | 'UNRECOGNIZED';
  defaultLanguage: string;
  texts: readonly LocalizedText[];
  missingSlugPolicy: MissingSlugPolicyName | 'UNSPECIFIED' | 'UNRECOGNIZED';
  contentSid: string;
}

/** A template as it is stored. */
export interface Template extends Draft {
  id: string;
  state: 'DRAFT' | 'PUBLISHED' | 'ARCHIVED';
  /** The newest published version, 0 while there is none. */
  publishedVersion: number;
  /** Counts the changes of the draft, from 1. */
  revision: number;
  createdAt: Date;
  updatedAt: Date;
}

/** The form in which two names are the same one: "Reminder" and "REMINDER" are. */
export function nameKey(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}
