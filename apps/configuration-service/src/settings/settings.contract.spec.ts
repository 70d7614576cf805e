import { randomUUID } from 'node:crypto';
import { refusal, faultsOf } from '@herald/testing';
import { OrganizationSettings } from '@herald/contracts/configuration';
import { runningService, type Configurations, type RunningService } from '../../test/running-service';

const DEFAULTS: OrganizationSettings = {
  contactsPerRequestMax: 100,
  requestsPerHourMax: 30_000,
  strict2020: false,
  spreadSenders: false,
  revision: 0,
  updateTime: undefined,
};

let service: RunningService;
let org: string;
let configurations: Configurations;

const update = (
  changes: Partial<OrganizationSettings>,
  updateMask: string[] = [],
  caller: Configurations = configurations,
) => caller.updateOrganizationSettings({ settings: OrganizationSettings.fromPartial(changes), updateMask });

describe('ConfigurationService, settings', () => {
  beforeAll(async () => {
    service = await runningService();
  });
  afterAll(async () => {
    await service.stop();
  });
  beforeEach(() => {
    org = randomUUID();
    configurations = service.as({ org });
  });

  describe('GetOrganizationSettings', () => {
    it('answers with the defaults where nothing was set', async () => {
      expect(await configurations.getOrganizationSettings({})).toEqual({ settings: DEFAULTS });
    });

    it('S1: answers dispatch with the settings of the organisation in its token', async () => {
      await update({ contactsPerRequestMax: 7 });
      const settings = { contactsPerRequestMax: 7 };
      expect(await service.asService('dispatch', org).getOrganizationSettings({})).toMatchObject({ settings });
      expect(await service.asService('dispatch', randomUUID()).getOrganizationSettings({})).toEqual({
        settings: DEFAULTS,
      });
    });
  });

  describe('UpdateOrganizationSettings', () => {
    it('changes what is set, and counts the change', async () => {
      const settings = { ...DEFAULTS, requestsPerHourMax: 5, revision: 1, updateTime: service.clock.now() };
      expect(await update({ requestsPerHourMax: 5, revision: 9 })).toEqual({ settings });
      expect(await configurations.getOrganizationSettings({})).toEqual({ settings });
    });

    it('changes what the mask names, also back to nothing', async () => {
      await update({ strict2020: true, contactsPerRequestMax: 50 });
      expect(await update({ strict2020: false, contactsPerRequestMax: 1 }, ['strict_2020'])).toMatchObject({
        settings: { strict2020: false, contactsPerRequestMax: 50, revision: 2 },
      });
    });

    it('loses none of the changes made at once', async () => {
      const changes = [1, 2, 3, 4, 5, 6, 7].map((contactsPerRequestMax) => update({ contactsPerRequestMax }));
      const answers = await Promise.all([...changes, update({ requestsPerHourMax: 9 }), update({ strict2020: true })]);
      const revisions = answers.map(({ settings }) => settings?.revision);
      expect(revisions.sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(await configurations.getOrganizationSettings({})).toMatchObject({
        settings: { requestsPerHourMax: 9, strict2020: true, revision: 9 },
      });
    });

    it('counts no change that changes nothing', async () => {
      const first = await update({ contactsPerRequestMax: 7 });
      service.clock.advance(1_000);
      expect(await update({ contactsPerRequestMax: 7 })).toEqual(first);
      expect(await update({})).toEqual(first);
    });

    it('INVALID_FIELD: limits out of bounds, all at once', async () => {
      const operator = service.as({ org, scopes: ['operator'] });
      const limits = ['contacts_per_request_max', 'requests_per_hour_max'];
      for (const [contactsPerRequestMax, requestsPerHourMax] of [
        [0, 0],
        [-1, -1],
        [1_001, 1_000_001],
      ] as const) {
        const error = await refusal(update({ contactsPerRequestMax, requestsPerHourMax }, limits, operator));
        expect(faultsOf(error)).toEqual(limits.map((limit) => `settings.${limit} FIELD_OUT_OF_RANGE`));
      }
      expect(await configurations.getOrganizationSettings({})).toEqual({ settings: DEFAULTS });
    });

    it('FIELD_MASK_INVALID: what may not change', async () => {
      const error = await refusal(update({ revision: 7 }, ['revision']));
      expect(error.reason).toBe('FIELD_MASK_INVALID');
      expect(faultsOf(error)).toEqual(['update_mask.paths[0] FIELD_UNKNOWN_VALUE']);
    });

    it.each([{ contactsPerRequestMax: 101 }, { requestsPerHourMax: 30_001 }, { spreadSenders: true }])(
      'SETTINGS_LIMIT_NOT_ALLOWED: a limit above its default, or spread senders, without the scope operator: %j',
      async (changes) => {
        expect((await refusal(update(changes))).reason).toBe('SETTINGS_LIMIT_NOT_ALLOWED');
        expect(await configurations.getOrganizationSettings({})).toEqual({ settings: DEFAULTS });
        const operator = service.as({ org, scopes: ['operator'] });
        expect(await update(changes, [], operator)).toMatchObject({ settings: changes });
      },
    );

    it('SETTINGS_LIMIT_NOT_ALLOWED: what an operator raised may be lowered or kept, and not raised further', async () => {
      await update({ requestsPerHourMax: 50_000 }, [], service.as({ org, scopes: ['configure', 'operator'] }));
      expect(await update({ strict2020: true })).toMatchObject({ settings: { requestsPerHourMax: 50_000 } });
      expect((await refusal(update({ requestsPerHourMax: 50_001 }))).reason).toBe('SETTINGS_LIMIT_NOT_ALLOWED');
      expect(await update({ requestsPerHourMax: 40_000 })).toMatchObject({ settings: { requestsPerHourMax: 40_000 } });
      // Lowered is lowered: the way back up is the operator's again.
      expect((await refusal(update({ requestsPerHourMax: 50_000 }))).reason).toBe('SETTINGS_LIMIT_NOT_ALLOWED');
    });

    it('SETTINGS_LIMIT_NOT_ALLOWED: senders that an operator spread stay spread until an operator says otherwise', async () => {
      const operator = service.as({ org, scopes: ['operator'] });
      await update({ spreadSenders: true }, [], operator);
      expect(await update({ strict2020: true, spreadSenders: true })).toMatchObject({
        settings: { strict2020: true, spreadSenders: true },
      });
      const gathering = () => update({ spreadSenders: false }, ['spread_senders']);
      expect((await refusal(gathering())).reason).toBe('SETTINGS_LIMIT_NOT_ALLOWED');
      expect(await update({ spreadSenders: false }, ['spread_senders'], operator)).toMatchObject({
        settings: { spreadSenders: false, revision: 3 },
      });
    });
  });
});
