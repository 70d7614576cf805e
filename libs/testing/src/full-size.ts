/** The environment variable that asks for specs in the size of real life, where they otherwise run in a tenth of it. */
const FULL_VARIABLE = 'HERALD_TEST_FULL';

/** A number of a spec as it is in real life, or in a run that is to be quick a tenth of it. */
export function sized(full: number): number {
  return process.env[FULL_VARIABLE] === '1' ? full : Math.ceil(full / 10);
}
