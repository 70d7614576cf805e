import { endRun, RUN_VARIABLE } from '../test-run';

module.exports = async (): Promise<void> => {
  const run = process.env[RUN_VARIABLE];
  if (run !== undefined) await endRun(run);
};
