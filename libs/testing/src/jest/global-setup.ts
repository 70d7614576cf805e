import { beginRun } from '../test-run';

/** Begins the run before any spec is read, so that its workers inherit where they meet. */
module.exports = beginRun;
