import { testDatabase, type TestDatabase } from '@herald/testing';
import { AdviceError } from '../advice-error';
import { busMigrations } from './dead-letters';
import { lockHome } from './home-lock';

const HOME = 'a home';

describe('lockHome', () => {
  let test: TestDatabase;

  beforeAll(async () => {
    test = await testDatabase({ service: 'bus', migrations: busMigrations });
  });
  afterAll(() => test.close());

  it('lets one system have the database of a home, and tells the second what to do', async () => {
    const first = await lockHome(test.url, HOME);
    const second = lockHome(test.url, HOME);
    await expect(second).rejects.toThrow(AdviceError);
    await expect(second).rejects.toThrow(
      'Another Herald already runs on the database of a home. Stop it, or choose another --home.',
    );
    await first.stop();
    const next = await lockHome(test.url, HOME);
    await next.stop();
  });

  it('says that a database does not answer, and which', async () => {
    const locking = lockHome('postgres://someone:secret@127.0.0.1:1/postgres', HOME);
    await expect(locking).rejects.toThrow(AdviceError);
    await expect(locking).rejects.toThrow('The database of a home does not answer: connect ECONNREFUSED 127.0.0.1:1.');
  });

  it('is free again when the process that had it is gone', async () => {
    await lockHome(test.url, HOME);
    await test.asOwner(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
        where application_name = 'herald-home-lock' and datname = current_database()`,
    );
    const next = await lockHome(test.url, HOME);
    await next.stop();
  });
});
