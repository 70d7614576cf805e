/** The environment variable that asks for specs in the size of real life, where they otherwise run in a part of it. */
const FULL_VARIABLE = 'HERALD_TEST_FULL';

/** A number of a spec as it is in real life, or in a run that is to be quick another, a tenth of it if none is given. */
export function sized(full: number, quick = Math.ceil(full / 10)): number {
  return process.env[FULL_VARIABLE] === '1' ? full : quick;
}
