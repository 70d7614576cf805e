/**
 * Loaded into every process of the measured system by NODE_OPTIONS. In the one whose program is named it begins a CPU
 * profile at SIGUSR2 and writes it at the next one; in all others it does nothing.
 */
const { renameSync, writeFileSync } = require('node:fs');
const { Session } = require('node:inspector');
const { join } = require('node:path');

const { BENCH_PROFILE_PROGRAM: program, BENCH_PROFILE_FOLDER: folder } = process.env;

if (program && folder && process.argv[1]?.endsWith(program)) {
  let session;
  process.on('SIGUSR2', () => {
    if (session === undefined) {
      session = new Session();
      session.connect();
      session.post('Profiler.enable');
      session.post('Profiler.start');
      return;
    }
    const ended = session;
    session = undefined;
    ended.post('Profiler.stop', (error, answer) => {
      ended.disconnect();
      const file = join(folder, `${process.pid}.cpuprofile`);
      writeFileSync(`${file}.new`, JSON.stringify(error ?? answer.profile));
      renameSync(`${file}.new`, file);
    });
  });
}
