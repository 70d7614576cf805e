import { HeraldError } from '@herald/errors';

/** The error of a call that is refused; throws where it was answered, or failed in another way. */
export async function refusal(call: Promise<unknown>): Promise<HeraldError> {
  const outcome = await call.then(
    () => 'an answer',
    (error: unknown) => error,
  );
  if (outcome instanceof HeraldError) return outcome;
  throw new Error('the call was not refused', { cause: outcome });
}

/** The fields and reasons that an error's violations name. */
export function faultsOf({ detail }: HeraldError): string[] {
  return (detail.violations ?? []).map(({ field, reason }) => `${field} ${reason}`);
}
