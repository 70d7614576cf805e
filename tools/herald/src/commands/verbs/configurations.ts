import { OrganizationSettings, OutboundConfiguration } from '@herald/contracts/configuration';
import { ChannelType } from '@herald/contracts/type';
import { choiceOf, maskOf, numberOf, PAGE, pageOf, REQUEST_ID, requestIdOf, type Noun } from './verb';

/** What can be done about outbound configurations. */
export const CONFIGURATION: Noun = {
  noun: 'configuration',
  text: 'what callers send with: a template and a channel',
  verbs: [
    {
      verb: 'create',
      text: 'create an outbound configuration; its id is what callers send with',
      options: {
        'name!': 'a name for people',
        'channel!': 'the id of the channel',
        'template!': 'the id of the template',
        ...REQUEST_ID,
      },
      run: ({ configuration }, options) =>
        configuration.createOutboundConfiguration({
          requestId: requestIdOf(options),
          outboundConfiguration: OutboundConfiguration.fromPartial({
            name: options.name ?? '',
            channelType: ChannelType.SMS,
            channelId: options.channel ?? '',
            templateId: options.template ?? '',
          }),
        }),
    },
    {
      verb: 'get',
      text: 'show an outbound configuration',
      takesId: true,
      run: ({ configuration }, _options, outboundConfigurationId) =>
        configuration.getOutboundConfiguration({ outboundConfigurationId }),
    },
    {
      verb: 'list',
      text: 'list outbound configurations',
      options: PAGE,
      run: ({ configuration }, options) => configuration.listOutboundConfigurations(pageOf(options)),
    },
    {
      verb: 'update',
      text: 'change an outbound configuration',
      takesId: true,
      options: { name: 'a name for people', channel: 'the id of the channel', template: 'the id of the template' },
      run: ({ configuration }, options, id) =>
        configuration.updateOutboundConfiguration({
          outboundConfiguration: OutboundConfiguration.fromPartial({
            id,
            name: options.name ?? '',
            channelId: options.channel ?? '',
            templateId: options.template ?? '',
          }),
          updateMask: maskOf(options, { name: 'name', channel: 'channel_id', template: 'template_id' }),
        }),
    },
    {
      verb: 'activate',
      text: 'let requests use it',
      takesId: true,
      run: ({ configuration }, _options, outboundConfigurationId) =>
        configuration.activateOutboundConfiguration({ outboundConfigurationId }),
    },
    {
      verb: 'deactivate',
      text: 'refuse requests that use it',
      takesId: true,
      run: ({ configuration }, _options, outboundConfigurationId) =>
        configuration.deactivateOutboundConfiguration({ outboundConfigurationId }),
    },
  ],
};

/** What can be done about the organisation. */
export const ORGANISATION: Noun = {
  noun: 'org',
  text: 'limits and rules of the organisation',
  verbs: [
    {
      verb: 'settings',
      text: "show the organisation's settings",
      run: ({ configuration }) => configuration.getOrganizationSettings({}),
    },
    {
      verb: 'set',
      text: "change the organisation's settings; raising a limit or spreading senders needs the scope operator",
      options: {
        'requests-per-hour': 'requests in any 3,600 seconds',
        'contacts-per-request': 'contacts in a request',
        'strict-2020': 'true or false: whether every contact needs a customer and a case name',
        'spread-senders': 'true or false: whether each sender has a shard of its own',
      },
      run: ({ configuration }, options) =>
        configuration.updateOrganizationSettings({
          settings: OrganizationSettings.fromPartial({
            requestsPerHourMax: numberOf(options['requests-per-hour']),
            contactsPerRequestMax: numberOf(options['contacts-per-request']),
            strict2020: choiceOf(options['strict-2020'], ['true', 'false']) === 'true',
            spreadSenders: choiceOf(options['spread-senders'], ['true', 'false']) === 'true',
          }),
          updateMask: maskOf(options, {
            'requests-per-hour': 'requests_per_hour_max',
            'contacts-per-request': 'contacts_per_request_max',
            'strict-2020': 'strict_2020',
            'spread-senders': 'spread_senders',
          }),
        }),
    },
  ],
};
