import { AdviceError } from '../advice-error';
import { contactsOf } from './read-contacts';

const EMPTY = {
  toContactId: '',
  channelId: '',
  optin: undefined,
  locale: '',
  contextItems: {},
  entityRelationshipName: '',
  regardingObjectId: '',
  customerName: '',
  caseName: '',
  showInTimeline: undefined,
  clientReference: '',
  sendAsTemplate: false,
  templateParameters: {},
};
const ANA = { ...EMPTY, toContactId: '+14255550123', optin: true };

/** What a list is refused with. */
function advice(text: string): string {
  try {
    contactsOf(text);
  } catch (error) {
    if (error instanceof AdviceError) return error.message;
    throw error;
  }
  throw new Error('the list was read');
}

describe('contactsOf CSV', () => {
  it('reads every field of the documented list', () => {
    const columns = [
      ['tocontactid', '+14255550123'],
      ['channelid', 'SMS'],
      ['optin', 'true'],
      ['locale', '1033'],
      ['contextitems', '"{""OrderNumber"":""A-1009""}"'],
      ['entityrelationshipname', 'incident_rel'],
      ['regardingobjectid', '5f0c'],
      ['CustomerName', 'Ana Ruiz'],
      ['CaseName', 'Broken screen'],
      ['show_in_timeline', 'false'],
      ['client_reference', 'row-1'],
      ['sendastemplate', 'True'],
      ['templateparameters', '"{""1"":""Ana""}"'],
    ];
    const text = [0, 1].map((line) => columns.map((column) => column[line]).join(',')).join('\n');
    expect(contactsOf(text)).toEqual([
      {
        toContactId: '+14255550123',
        channelId: 'SMS',
        optin: true,
        locale: '1033',
        contextItems: { OrderNumber: 'A-1009' },
        entityRelationshipName: 'incident_rel',
        regardingObjectId: '5f0c',
        customerName: 'Ana Ruiz',
        caseName: 'Broken screen',
        showInTimeline: false,
        clientReference: 'row-1',
        sendAsTemplate: true,
        templateParameters: { '1': 'Ana' },
      },
    ]);
  });

  it.each(['perhaps', '1', 'yes'])(
    'takes consent that says "%s" for none said, which costs that contact alone',
    (optin) => {
      const text = `tocontactid,optin\n+14255550123,true\n+14255550123,${optin}\n`;
      expect(contactsOf(text)).toEqual([ANA, { ...ANA, optin: undefined }]);
    },
  );

  it('takes a column that is no field as a context item, with its name as written', () => {
    expect(contactsOf('tocontactid,optin,OrderNumber,constructor\n+14255550123,true,A-1009,x\n')).toEqual([
      { ...ANA, contextItems: { OrderNumber: 'A-1009', constructor: 'x' } },
    ]);
  });

  it('tells an empty cell from a value: no consent said, no timeline asked for, no item', () => {
    expect(contactsOf('tocontactid,optin,showintimeline,OrderNumber\n+14255550123,,,\n')).toEqual([
      { ...EMPTY, toContactId: '+14255550123' },
    ]);
  });

  it.each([
    ['in any case', 'TOCONTACTID,OptIn'],
    ['as the contract names them', 'to_contact_id,optin'],
    ['with the optin of 2020', 'tocontactid,option'],
    ['with blanks around', ' tocontactid , optin '],
  ])('knows fields %s', (_, header) => {
    expect(contactsOf(`${header}\n+14255550123,TRUE\n`)).toEqual([ANA]);
  });

  it.each([
    ['a byte order mark', '\ufefftocontactid,optin\n+14255550123,true\n'],
    ['carriage returns', 'tocontactid,optin\r\n+14255550123,true\r\n'],
    ['semicolons', 'tocontactid;optin\n+14255550123;true\n'],
    ['empty lines and no last line break', 'tocontactid,optin\n\n+14255550123,true'],
    ['margins without a name', 'tocontactid,optin,,\n+14255550123,true,,\n'],
  ])('reads a file with %s', (_, text) => {
    expect(contactsOf(text)).toEqual([ANA]);
  });

  it('keeps line breaks, commas and quotes of quoted values', () => {
    expect(contactsOf('tocontactid,optin,Note\n+14255550123,true,"one, ""two""\nthree"\n')).toEqual([
      { ...ANA, contextItems: { Note: 'one, "two"\nthree' } },
    ]);
  });

  it.each([
    ['an empty file', ''],
    ['a header alone', 'tocontactid,optin\n'],
  ])('finds nobody in %s', (_, text) => {
    expect(contactsOf(text)).toEqual([]);
  });

  it.each([
    [
      'a flag that is neither true nor false',
      'tocontactid,showintimeline\n+1,true\n+2,perhaps\n',
      'Line 3: showintimeline is neither true nor false. Write one of them.',
    ],
    [
      'the same after a value of two lines',
      'tocontactid,showintimeline,Note\n+1,true,"a\nb"\n+2,1,\n',
      'Line 4: showintimeline is neither true nor false. Write one of them.',
    ],
    [
      'an item with two values',
      'tocontactid,Order,contextitems\n+1,a,"{""Order"":""b""}"\n',
      'Line 2: Order has two values, one of its own and one in contextitems. Remove one.',
    ],
    [
      'items that are no object',
      'tocontactid,contextitems\n+1,A-1009\n',
      'Line 2: contextitems is no JSON object. Write it as {"OrderNumber": "A-1009"}.',
    ],
    [
      'a list without addresses',
      'phone,optin\n+1,true\n',
      'Line 1: there is no column tocontactid for the address. The columns are phone | optin.',
    ],
    [
      'two columns of one name',
      'tocontactid,Order,Order\n+1,a,b\n',
      'Line 1: the column Order is there twice. Remove or rename one.',
    ],
    [
      'two columns of one field',
      'tocontactid,optin,option\n+1,true,false\n',
      'Line 1: the column option is there twice. Remove or rename one.',
    ],
    [
      'a line with too few values',
      'tocontactid,optin\n+1\n',
      'The list is no CSV: Invalid Record Length: columns length is 2, got 1 on line 2. Correct that line.',
    ],
    [
      'a quote that does not end',
      'tocontactid,optin\n+1,"true\n',
      'The list is no CSV: Quote Not Closed: the parsing is finished with an opening quote at line 2. Correct that line.',
    ],
  ])('says where and what to do: %s', (_, text, message) => {
    expect(advice(text)).toBe(message);
  });
});

describe('contactsOf JSON', () => {
  it('reads the list of 2020', () => {
    const text = `[{ "tocontactid": "+14255550123", "channelid": "SMS", "optin": true, "locale": "1033",
      "contextitems": { "CustomerName": "Ana Ruiz", "OrderNumber": "A-1009" },
      "entityrelationshipname": "incident_rel", "CustomerName": "Ana Ruiz", "CaseName": "Broken screen" }]`;
    expect(contactsOf(text)).toEqual([
      {
        ...ANA,
        channelId: 'SMS',
        locale: '1033',
        contextItems: { CustomerName: 'Ana Ruiz', OrderNumber: 'A-1009' },
        entityRelationshipName: 'incident_rel',
        customerName: 'Ana Ruiz',
        caseName: 'Broken screen',
      },
    ]);
  });

  it('reads the lists of 2025: ids within the context items, and the parameters of a content template', () => {
    const text = `[{ "tocontactid": "+14255550123", "optin": true, "sendastemplate": true, "templateparameters": { "1": "Ana" },
      "contextitems": { "regardingobjectid": "5f0c", "entityrelationshipname": "incident_rel" } }]`;
    expect(contactsOf(text)).toEqual([
      {
        ...ANA,
        sendAsTemplate: true,
        templateParameters: { '1': 'Ana' },
        contextItems: { regardingobjectid: '5f0c', entityrelationshipname: 'incident_rel' },
      },
    ]);
  });

  it.each([
    ['as an array', '{"ContactList": [{"tocontactid": "+14255550123", "optin": true}]}'],
    ['as text', String.raw`{"contactlist": "[{\"tocontactid\": \"+14255550123\", \"optin\": \"True\"}]"}`],
    [
      'beside the configuration',
      '{"msdyn_ocoutboundconfigurationitem": {}, "CONTACTLIST": [{"tocontactid": "+14255550123", "optin": true}]}',
    ],
  ])('reads the body of the documented action, with the list %s', (_, text) => {
    expect(contactsOf(text)).toEqual([ANA]);
  });

  it('reads a file with a byte order mark', () => {
    expect(contactsOf('\ufeff [{"tocontactid": "+14255550123", "optin": true}]\r\n')).toEqual([ANA]);
  });

  it('takes numbers and booleans for what they say, and null for nothing', () => {
    const text = `[{ "tocontactid": "+14255550123", "optin": "true", "locale": 1033, "showintimeline": null,
      "contextitems": { "Count": 3, "Paid": true, "Note": null }, "Total": 9.5 }]`;
    expect(contactsOf(text)).toEqual([
      { ...ANA, locale: '1033', contextItems: { Count: '3', Paid: 'true', Total: '9.5' } },
    ]);
  });

  it('takes an item that is there twice with one value', () => {
    const text = '[{ "tocontactid": "+14255550123", "optin": true, "Order": "a", "contextitems": { "Order": "a" } }]';
    expect(contactsOf(text)).toEqual([{ ...ANA, contextItems: { Order: 'a' } }]);
  });

  it('finds nobody in an empty array', () => {
    expect(contactsOf('[]')).toEqual([]);
  });

  it.each([
    [
      'a flag that is neither true nor false',
      '[{"tocontactid": "+1", "optin": true}, {"tocontactid": "+2", "sendastemplate": 1}]',
      'Contact 2: sendastemplate is neither true nor false. Write one of them.',
    ],
    [
      'one field by two names',
      '[{"tocontactid": "+1", "optin": false, "option": true}]',
      'Contact 1: option is there twice. Remove one.',
    ],
    [
      'an item with two values',
      '[{"tocontactid": "+1", "contextitems": {"Order": "a"}, "Order": "b"}]',
      'Contact 1: Order has two values, one of its own and one in contextitems. Remove one.',
    ],
    [
      'an entry that is no contact',
      '[{"tocontactid": "+1"}, "+2"]',
      'Contact 2 is no object. Write it as {"tocontactid": …, "optin": …}.',
    ],
    [
      'items in a list',
      '[{"tocontactid": "+1", "contextitems": ["A-1009"]}]',
      'Contact 1: contextitems is no JSON object. Write it as {"OrderNumber": "A-1009"}.',
    ],
    [
      'an object without a list',
      '{"contacts": []}',
      'The list is neither an array of contacts nor an object with a ContactList. Make it one.',
    ],
    [
      'a list that is no list',
      '{"ContactList": "null"}',
      'The list is neither an array of contacts nor an object with a ContactList. Make it one.',
    ],
  ])('says where and what to do: %s', (_, text, message) => {
    expect(advice(text)).toBe(message);
  });

  it('names the line of a fault in the JSON itself', () => {
    expect(advice('[\n{"tocontactid": "+1",}\n]')).toMatch(/^The list is no JSON: .*\. Line 2\. Correct it there\.$/);
  });
});
