import { createFileRegistry, fromBinary, ScalarType, type DescMessage, type DescMethod } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { DESCRIPTORS_BASE64 } from './gen/descriptors';

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, Buffer.from(DESCRIPTORS_BASE64, 'base64')));
const ours = [...registry].filter(({ typeName }) => typeName.startsWith('herald.'));
const messages = ours.filter((type) => type.kind === 'message');
const methods = ours.filter((type) => type.kind === 'service').flatMap((service) => service.methods);

const named = (pattern: RegExp) => methods.filter(({ name }) => pattern.test(name));
const fieldsOf = (message: DescMessage) => message.fields.map(({ name }) => name);
const lacking = (among: readonly DescMethod[], field: string, side: 'input' | 'output' = 'input') =>
  among.filter((method) => !fieldsOf(method[side]).includes(field)).map(({ name }) => name);

const INTEGERS_OF_64_BITS = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/** What makes something new, or is to be done once and may be asked for twice because an answer was lost. */
const DONE_ONCE =
  /^(Create|Send|Run|Place|Add|Publish|Submit|Rotate|Erase)|^(Transfer|Consult|End|Assign|ForceClose)(Conversation|Agent)/;

// What buf's rules say nothing about; names, comments and the shape of requests and answers are linted by buf.
describe('the contracts', () => {
  it('are served whole by reflection', () => {
    expect([messages.length > 300, methods.length > 100]).toEqual([true, true]);
  });

  it('hold no integers of 64 bits, which JavaScript cannot hold', () => {
    const wide = messages.flatMap(({ typeName, fields }) =>
      fields.filter(({ scalar }) => scalar && INTEGERS_OF_64_BITS.has(scalar)).map(({ name }) => `${typeName}.${name}`),
    );
    expect(wide).toEqual([]);
  });

  it('take a request_id wherever something is made or done once; an entity event brings an id of its own', () => {
    expect(lacking(named(DONE_ONCE), 'request_id')).toEqual(['PublishEntityEvents']);
  });

  it('list by pages', () => {
    const lists = named(/^List/);
    expect(lists.length).toBeGreaterThan(20);
    expect([...lacking(lists, 'page_size'), ...lacking(lists, 'page_token')]).toEqual([]);
    expect(lacking(lists, 'next_page_token', 'output')).toEqual([]);
  });

  it('update what a mask names', () => {
    const updates = named(/^Update/);
    expect(updates.length).toBeGreaterThan(10);
    expect(lacking(updates, 'update_mask')).toEqual([]);
  });

  it('tell what a contact leaves out from what it denies, where that decides', () => {
    const contact = registry.getMessage('herald.dispatch.v1.Contact');
    const present = contact?.fields.filter(({ proto }) => proto.proto3Optional).map(({ name }) => name);
    expect(present).toEqual(['optin', 'show_in_timeline']);
  });

  it('take every field of the documented contact lists', () => {
    const contact = registry.getMessage('herald.dispatch.v1.Contact');
    const documented = [
      ...['tocontactid', 'channelid', 'optin', 'locale', 'contextitems', 'customername', 'casename'],
      ...['entityrelationshipname', 'regardingobjectid', 'sendastemplate', 'templateparameters'],
    ];
    const names = contact?.fields.map(({ name }) => name.replaceAll('_', ''));
    expect(names).toEqual(expect.arrayContaining(documented));
  });
});
