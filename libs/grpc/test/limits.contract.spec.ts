import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { ConversationServiceService } from '@herald/contracts/conversation';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { Template, TemplateServiceService } from '@herald/contracts/template';
import { GRPC_CODE, HeraldError, REASONS, type Reason } from '@herald/errors';
import { eventually } from '@herald/testing';
import { SEND_BYTES_MAX } from '../src/limits';
import { refusalOf, REQUEST, runningServer, type TestServer } from './running-server';

describe('limits and repeats', () => {
  let test: TestServer;
  beforeAll(async () => {
    test = await runningServer();
  });
  afterAll(() => test.stop());

  describe('limits', () => {
    it('S18: MESSAGE_TOO_LARGE: an answer of more than 4 MiB is not sent', async () => {
      const answer = (length: number) =>
        test.answer(async () => ({ template: Template.fromPartial({ id: 'x'.repeat(length) }) }));
      answer(SEND_BYTES_MAX - 20);
      const { template } = await test.client.getTemplate(REQUEST);
      expect(template?.id).toHaveLength(4_194_284);
      answer(SEND_BYTES_MAX);
      const error = await refusalOf(test.client.getTemplate(REQUEST));
      expect([error.reason, error.detail.metadata]).toEqual(['MESSAGE_TOO_LARGE', { bytesMax: '4194304' }]);
    });

    it('S18: one connection has 100 calls open at once, and the others wait', async () => {
      const release = Promise.withResolvers<void>();
      let open = 0;
      let openMost = 0;
      test.answer(async () => {
        open += 1;
        openMost = Math.max(open, openMost);
        await release.promise;
        open -= 1;
        return { template: undefined };
      });
      const calls = Array.from({ length: 130 }, () => test.client.getTemplate(REQUEST));
      await eventually(() => expect(open).toBe(100));
      release.resolve();
      await Promise.all(calls);
      expect(openMost).toBe(100);
    });
  });

  describe('repeats', () => {
    /** Refuses so often, and keeps what each attempt came with. */
    const refusing = (times: number, reason: Reason = 'DATABASE_BUSY') => {
      const attempts: { request: unknown; leftMs: number }[] = [];
      test.answer(async (request, { deadline }) => {
        attempts.push({ request, leftMs: deadline.getTime() - Date.now() });
        if (attempts.length <= times) throw new HeraldError(reason, `Attempt ${attempts.length}.`);
        return { template: Template.fromPartial({ id: 'found' }) };
      });
      return attempts;
    };

    it('repeats a call that was told UNAVAILABLE, the same to the byte', async () => {
      const attempts = refusing(2);
      expect((await test.newClient().getTemplate(REQUEST)).template?.id).toBe('found');
      expect(attempts.map(({ request }) => request)).toEqual([REQUEST, REQUEST, REQUEST]);
    });

    it('gives up after four attempts, each with what is left of the first deadline', async () => {
      const attempts = refusing(Infinity);
      const error = await refusalOf(test.newClient().getTemplate(REQUEST));
      expect([error.reason, error.message, attempts.length]).toEqual(['DATABASE_BUSY', 'Attempt 4.', 4]);
      const leftMs = attempts.map((attempt) => attempt.leftMs);
      expect(leftMs).toEqual(leftMs.toSorted((one, other) => other - one));
      expect(new Set(leftMs).size).toBe(4);
    });

    it('repeats nothing that was told anything else', async () => {
      const others = (Object.keys(REASONS) as Reason[]).filter(
        (reason) => REASONS[reason].code !== GRPC_CODE.UNAVAILABLE,
      );
      const client = test.newClient();
      for (const reason of others) {
        const attempts = refusing(1, reason);
        await refusalOf(client.getTemplate(REQUEST));
        expect([reason, attempts.length]).toEqual([reason, 1]);
      }
    });

    it('stops repeating while most calls fail, so that a server that comes back is not buried', async () => {
      const client = test.newClient();
      refusing(Infinity);
      await Promise.all(Array.from({ length: 250 }, () => refusalOf(client.getTemplate(REQUEST))));
      const attempts = refusing(Infinity);
      await refusalOf(client.getTemplate(REQUEST));
      expect(attempts).toHaveLength(1);
    });

    it('can repeat every unary call: what makes something carries a request_id', () => {
      const services = [
        TemplateServiceService,
        ConfigurationServiceService,
        DispatchServiceService,
        ConversationServiceService,
      ];
      const makes = /^(create|send|add|rotate|submit|publish(?!EntityEvents)|import|start|transfer|reply)/;
      const makers = services.flatMap((service) => Object.entries(service)).filter(([rpc]) => makes.test(rpc));
      expect(makers.length).toBeGreaterThan(15);
      const without = makers.filter(
        ([, { requestDeserialize }]) => !('requestId' in requestDeserialize(Buffer.alloc(0))),
      );
      expect(without.map(([rpc]) => rpc)).toEqual([]);
    });
  });
});
