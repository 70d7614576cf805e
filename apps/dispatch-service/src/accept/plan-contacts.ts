import { channelTypeOf, normalisePhone } from '@herald/addressing';
import type { ContactReason, WarningReason } from '@herald/errors';
import {
  assembleValues,
  chooseLanguage,
  countSegments,
  render,
  TEXT_LENGTH_MAX,
  type CompiledTemplate,
  type MissingSlugPolicy,
} from '@herald/rendering';

/** A contact as the caller wrote it. `optin` and `showInTimeline` are undefined when absent: presence matters. */
export interface Contact {
  toContactId: string;
  channelId: string;
  optin: boolean | undefined;
  locale: string;
  contextItems: Readonly<Record<string, string>>;
  entityRelationshipName: string;
  regardingObjectId: string;
  customerName: string;
  caseName: string;
  showInTimeline: boolean | undefined;
  clientReference: string;
  /** The contact wants a content template of the provider, which only WhatsApp has. */
  sendAsTemplate: boolean;
}

/** What a request is planned against: the configuration's channel and timeline setting, and the pinned template version. */
export interface PlanSettings {
  channelType: 'SMS';
  showInTimeline: boolean;
  /** The organisation wants CustomerName and CaseName in every contact, as the 2020 contact list did. */
  strict2020: boolean;
  template: {
    defaultLanguage: string;
    texts: ReadonlyMap<string, CompiledTemplate>;
    missingSlugPolicy: MissingSlugPolicy;
  };
}

interface ContactBase {
  /** The contact's place in the request, from 0. */
  index: number;
  clientReference: string | undefined;
}

/** A contact that becomes a message. */
export interface AcceptedContact extends ContactBase {
  kind: 'accepted';
  messageId: string;
  address: string;
  language: string;
  body: string;
  segments: number;
  warnings: readonly WarningReason[];
}

/** A contact from whom a rule withholds the message. It is a row of the ledger. */
export interface SkippedContact extends ContactBase {
  kind: 'skipped';
  messageId: string;
  reason: ContactReason;
}

/** A contact that cannot be sent as given. It is counted in the request's row and answered, and costs the others nothing. */
export interface RefusedContact extends ContactBase {
  kind: 'refused';
  reason: ContactReason;
  field: string;
  /** What exactly is wrong, without personal data; e.g. the names of missing slugs. */
  specifics?: string;
}

/** What becomes of a contact. */
export type PlannedContact = AcceptedContact | SkippedContact | RefusedContact;

/** What is known of addresses before a request is planned, as they are normalised: the stream it is part of tells. */
export interface KnownAddresses {
  accepted: ReadonlySet<string>;
  optedOut: ReadonlySet<string>;
}

const NOTHING_KNOWN: KnownAddresses = { accepted: new Set(), optedOut: new Set() };

/**
 * Decides what becomes of each contact; outcomes keep the contacts' order. `newId` is called once per contact that
 * becomes a row, in order.
 *
 * An address that any contact of the request opts out is opted out for the whole request: consent given on one line
 * does not outweigh consent refused on another. An address counts as repeated only after a contact with it was
 * accepted, so that a first line that cannot be sent does not cost the second its message.
 */
export function planContacts(
  contacts: readonly Contact[],
  settings: PlanSettings,
  newId: () => string,
  known: KnownAddresses = NOTHING_KNOWN,
): PlannedContact[] {
  const addresses = contacts.map((contact) => normalisePhone(contact.toContactId));
  const optedOut = new Set(known.optedOut);
  contacts.forEach((contact, index) => {
    const address = addresses[index];
    if (contact.optin === false && address?.kind === 'phone') optedOut.add(address.e164);
  });

  const accepted = new Set(known.accepted);
  return contacts.map((contact, index): PlannedContact => {
    const base: ContactBase = { index, clientReference: contact.clientReference || undefined };
    const address = addresses[index];
    const refusal = refusalAsGiven(contact, settings);
    if (refusal) return { ...base, kind: 'refused', ...refusal };
    if (address?.kind !== 'phone') {
      return { ...base, kind: 'refused', reason: 'ADDRESS_INVALID', field: 'to_contact_id' };
    }
    if (optedOut.has(address.e164)) return { ...base, kind: 'skipped', reason: 'OPTED_OUT', messageId: newId() };
    if (accepted.has(address.e164)) {
      return { ...base, kind: 'skipped', reason: 'REPEATED_ADDRESS', messageId: newId() };
    }
    const text = renderFor(contact, settings);
    if (text.kind === 'refused') return { ...base, ...text };
    accepted.add(address.e164);
    return { ...base, ...text, kind: 'accepted', messageId: newId(), address: address.e164 };
  });
}

type Refusal = Pick<RefusedContact, 'reason' | 'field' | 'specifics'>;

/** The faults that stand in the contact itself, before anything is looked up or rendered. */
function refusalAsGiven(contact: Contact, settings: PlanSettings): Refusal | undefined {
  if (contact.toContactId.trim() === '') return { reason: 'ADDRESS_MISSING', field: 'to_contact_id' };
  if (contact.optin === undefined) return { reason: 'OPTIN_MISSING', field: 'optin' };
  if (contact.channelId !== '') {
    const channelType = channelTypeOf(contact.channelId);
    if (channelType === undefined) return { reason: 'CHANNEL_UNKNOWN', field: 'channel_id' };
    if (channelType !== settings.channelType) return { reason: 'CHANNEL_MISMATCH', field: 'channel_id' };
  }
  if (contact.sendAsTemplate) return { reason: 'CHANNEL_MISMATCH', field: 'send_as_template' };
  if (!settings.strict2020) return undefined;
  if (!hasItem(contact, contact.customerName, 'customername')) {
    return { reason: 'CUSTOMER_NAME_MISSING', field: 'customer_name' };
  }
  if (!hasItem(contact, contact.caseName, 'casename')) return { reason: 'CASE_NAME_MISSING', field: 'case_name' };
  return undefined;
}

function hasItem(contact: Contact, field: string, key: string): boolean {
  if (field !== '') return true;
  return Object.entries(contact.contextItems).some(([name, value]) => name.toLowerCase() === key && value !== '');
}

type RenderedText = Pick<AcceptedContact, 'language' | 'body' | 'segments' | 'warnings'>;

function renderFor(
  contact: Contact,
  settings: PlanSettings,
): ({ kind: 'text' } & RenderedText) | ({ kind: 'refused' } & Refusal) {
  const { template } = settings;
  const values = assembleValues(contact);
  if (values.kind === 'conflict') {
    return { kind: 'refused', reason: 'CONTEXT_ITEM_CONFLICT', field: 'context_items', specifics: values.key };
  }
  const choice = chooseLanguage(contact.locale, [...template.texts.keys()], template.defaultLanguage);
  const compiled = template.texts.get(choice.language);
  if (!compiled) throw new Error(`the template version has no text in its own language ${choice.language}`);
  const rendered = render(compiled, values.values, template.missingSlugPolicy);
  if (rendered.kind === 'missing') {
    return { kind: 'refused', reason: 'SLUG_MISSING', field: 'context_items', specifics: rendered.slugs.join(', ') };
  }
  if (rendered.text.trim() === '') return { kind: 'refused', reason: 'TEXT_EMPTY', field: 'context_items' };
  if (rendered.text.length > TEXT_LENGTH_MAX) {
    return {
      kind: 'refused',
      reason: 'TEXT_TOO_LONG',
      field: 'context_items',
      specifics: String(rendered.text.length),
    };
  }
  return {
    kind: 'text',
    language: choice.language,
    body: rendered.text,
    segments: countSegments(rendered.text).segments,
    warnings: warningsOf(contact, settings, choice.fellBack),
  };
}

function warningsOf(contact: Contact, settings: PlanSettings, fellBack: boolean): WarningReason[] {
  const warnings: WarningReason[] = [];
  if (fellBack) warnings.push('LANGUAGE_FELL_BACK');
  const wantsTimeline = contact.showInTimeline ?? settings.showInTimeline;
  if (wantsTimeline && !isLinked(contact)) warnings.push('TIMELINE_NOT_LINKED');
  return warnings;
}

/** A timeline entry needs both the relationship and the regarding record; either may stand in the context items (2025 list). */
function isLinked(contact: Contact): boolean {
  return (
    hasItem(contact, contact.entityRelationshipName, 'entityrelationshipname') &&
    hasItem(contact, contact.regardingObjectId, 'regardingobjectid')
  );
}
