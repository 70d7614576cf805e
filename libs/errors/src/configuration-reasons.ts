import { final, transient } from './grpc-code';

/** Why a call about channel accounts, channels, outbound configurations and settings can fail. */
export const CONFIGURATION_REASONS = {
  CHANNEL_ACCOUNT_DISABLED: final('FAILED_PRECONDITION', 'The channel account is disabled. Enable it or use another.'),
  CHANNEL_ACCOUNT_NAME_TAKEN: final('ALREADY_EXISTS', 'Another channel account has this name. Choose another.'),
  CHANNEL_ACCOUNT_NOT_FOUND: final('NOT_FOUND', 'The organisation has no such channel account. Check the id.'),
  CHANNEL_ACCOUNT_NOT_VALID: final(
    'FAILED_PRECONDITION',
    'The provider has not confirmed the credentials of the account. Validate the account first.',
  ),
  CHANNEL_ADDRESS_TAKEN: final('ALREADY_EXISTS', 'A channel with this sender exists already. Use that channel.'),
  CHANNEL_DISABLED: final('FAILED_PRECONDITION', 'The channel is disabled. Enable it or use another.'),
  CHANNEL_NAME_TAKEN: final('ALREADY_EXISTS', 'Another channel has this name. Choose another.'),
  CHANNEL_NOT_FOUND: final('NOT_FOUND', 'The organisation has no channel with this id. Check the id.'),
  CHANNEL_NOT_PROVISIONED: final(
    'FAILED_PRECONDITION',
    'The provider has not confirmed the sender of the channel. Validate the channel first.',
  ),
  CHANNEL_TYPE_MISMATCH: final(
    'INVALID_ARGUMENT',
    'Template, channel and configuration are not of one channel type. Choose ones that are.',
  ),
  CHANNEL_TYPE_UNSUPPORTED: final('UNIMPLEMENTED', 'This server cannot use this channel type. Use another type.'),
  CONFIGURATION_INACTIVE: final('FAILED_PRECONDITION', 'The configuration is not active. Activate it first.'),
  CONFIGURATION_NAME_TAKEN: final('ALREADY_EXISTS', 'Another configuration has this name. Choose another.'),
  CONFIGURATION_NOT_FOUND: final('NOT_FOUND', 'The organisation has no such configuration. Check the id.'),
  CREDENTIALS_NOT_FOUND: final('NOT_FOUND', 'The account has no usable credentials. Rotate in new ones.'),
  PROVIDER_UNAVAILABLE: transient('UNAVAILABLE', 'The provider does not answer now. Repeat the call later.'),
  SETTINGS_LIMIT_NOT_ALLOWED: final(
    'PERMISSION_DENIED',
    'A limit above its default, or how senders are spread, needs the scope operator. Ask whoever runs Herald.',
  ),
  WEBHOOK_PATH_NOT_FOUND: final(
    'NOT_FOUND',
    'No channel account has this webhook path. Read the account for its URLs.',
  ),
} as const;
