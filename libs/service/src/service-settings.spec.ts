import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import { EnvironmentError } from './environment';
import { kafkaConnectionOf, readServiceSettings } from './service-settings';

describe('readServiceSettings', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'herald-settings-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const fileWith = async (name: string, content: unknown) => {
    const file = join(folder, name);
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  const keys = async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const named = { kid: 'service-dispatch', alg: 'ES256' };
    return {
      ownKey: { ...(await exportJWK(privateKey)), ...named },
      keySet: { keys: [{ ...(await exportJWK(publicKey)), ...named }] },
    };
  };
  const complete = async (changes: Record<string, string> = {}) => {
    const { ownKey, keySet } = await keys();
    return {
      HERALD_SERVICE_KEY_FILE: await fileWith('key.json', ownKey),
      HERALD_SERVICE_KEY_SET_FILE: await fileWith('keys.json', keySet),
      HERALD_JWKS_URL: 'https://issuer.example/keys',
      HERALD_DATABASE_URL: 'postgres://herald@database/herald',
      ...changes,
    };
  };
  const faultsOf = async (env: Record<string, string>, needs: readonly ['HERALD_TEMPLATE_URL'] | [] = []) => {
    try {
      await readServiceSettings('dispatch', env, needs);
      return [];
    } catch (error) {
      if (error instanceof EnvironmentError) return error.message.split('\n');
      throw error;
    }
  };

  it('gives a service what it is started with, and what holds where nothing is said', async () => {
    const settings = await readServiceSettings('dispatch', await complete(), []);
    expect(settings.grpc).toMatchObject({
      ...{ address: '0.0.0.0:50051', internalAddress: '0.0.0.0:50090', reflection: false },
    });
    expect(settings.identity).toMatchObject({ issuer: 'herald', audience: 'herald' });
    expect(settings.database).toEqual({ url: 'postgres://herald@database/herald', poolMax: 12, workerPoolMax: 8 });
    expect(settings).toMatchObject({ shards: 12, metricsAddress: '0.0.0.0:9464', tls: undefined });
  });

  it("takes a service's own database before the one for all", async () => {
    const own = 'postgres://herald@other/dispatch';
    const { database } = await readServiceSettings(
      'dispatch',
      await complete({ HERALD_DISPATCH_DATABASE_URL: own }),
      [],
    );
    expect(database.url).toBe(own);
  });

  it('tells all that is missing at once', async () => {
    expect(await faultsOf({}, ['HERALD_TEMPLATE_URL'])).toEqual([
      'HERALD_SERVICE_KEY_FILE is not set, and the process of dispatch needs it.',
      'HERALD_SERVICE_KEY_SET_FILE is not set, and the process of dispatch needs it.',
      'HERALD_JWKS_URL is not set, and the process of dispatch needs it.',
      'HERALD_TEMPLATE_URL is not set, and the process of dispatch needs it.',
      'HERALD_DATABASE_URL or HERALD_DISPATCH_DATABASE_URL is not set, and the process of dispatch needs it.',
    ]);
  });

  it('asks a service that stores nothing for no database', async () => {
    const { HERALD_DATABASE_URL: _, ...others } = await complete();
    await expect(readServiceSettings('gateway', others, [])).resolves.toMatchObject({ shards: 12 });
  });

  it.each([
    ['a key without its private half', 'HERALD_SERVICE_KEY_FILE', { kty: 'EC', crv: 'P-256', kid: 'a' }],
    ['no JSON', 'HERALD_SERVICE_KEY_FILE', 'secret-not-json'],
    ['no set', 'HERALD_SERVICE_KEY_SET_FILE', {}],
    ['a set with a private key', 'HERALD_SERVICE_KEY_SET_FILE', { keys: [{ kty: 'EC', d: 'secret' }] }],
  ])('refuses %s in %s, and repeats nothing of it', async (_, variable, content) => {
    const faults = await faultsOf(await complete({ [variable]: await fileWith('bad.json', content) }));
    expect(faults).toEqual([expect.stringContaining(variable)]);
    expect(faults.join()).not.toContain('secret');
  });

  it('says which file cannot be read', async () => {
    const faults = await faultsOf(await complete({ HERALD_SERVICE_KEY_FILE: join(folder, 'nowhere') }));
    expect(faults).toEqual([expect.stringContaining('nowhere cannot be read (ENOENT)')]);
  });

  describe('kafkaConnectionOf', () => {
    it('speaks plain text and logs in nowhere unless told to', async () => {
      const connection = await kafkaConnectionOf({ HERALD_KAFKA_BROKERS: ['broker:9092'] }, 'herald');
      expect(connection).toEqual({ brokers: ['broker:9092'], clientId: 'herald' });
    });

    it('reads certificates and the password from the files that are named', async () => {
      const connection = await kafkaConnectionOf(
        {
          HERALD_KAFKA_CA_FILE: await fileWith('ca.pem', 'authority'),
          HERALD_KAFKA_SASL_MECHANISM: 'scram-sha-512',
          HERALD_KAFKA_USERNAME: 'herald',
          HERALD_KAFKA_PASSWORD_FILE: await fileWith('password', 'open sesame\n'),
        },
        'herald',
      );
      expect(connection).toMatchObject({
        tls: { ca: 'authority' },
        login: { mechanism: 'scram-sha-512', username: 'herald', password: 'open sesame' },
      });
    });

    it('refuses half a login', async () => {
      const half = kafkaConnectionOf(
        { HERALD_KAFKA_SASL_MECHANISM: 'plain', HERALD_KAFKA_USERNAME: 'herald' },
        'herald',
      );
      await expect(half).rejects.toThrow(EnvironmentError);
    });
  });
});
