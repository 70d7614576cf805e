import { HeraldError, REASONS, type Reason } from '@herald/errors';
import { violatedConstraint } from '@herald/postgres';

/** The constraints that hold names and senders apart, and what a call is told that meets one. */
const TAKEN: Readonly<Record<string, Reason>> = {
  channel_account_name_unique: 'CHANNEL_ACCOUNT_NAME_TAKEN',
  channel_name_unique: 'CHANNEL_NAME_TAKEN',
  channel_sender_unique: 'CHANNEL_ADDRESS_TAKEN',
  outbound_configuration_name_unique: 'CONFIGURATION_NAME_TAKEN',
};

/** Runs a write whose unique constraints decide between two calls at once; a look before the write could not. */
export async function refusingTaken<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    const reason = TAKEN[violatedConstraint(error) ?? ''];
    if (reason === undefined) throw error;
    throw new HeraldError(reason, REASONS[reason].text);
  }
}
