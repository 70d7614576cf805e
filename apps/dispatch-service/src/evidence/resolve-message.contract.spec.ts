import { MessageState, MessageStep_Source, type MessageStep } from '@herald/contracts/dispatch';
import type { SendOutcome } from '@herald/channels';
import { newId } from '@herald/service';
import { refusal } from '@herald/testing';
import { callbackOf } from '../../test/callbacks';
import { deps, type StoredRequest } from '../../test/ledger';
import { openDoors, type Dispatch, type OpenDoors } from '../../test/open-doors';
import { settleCallbacks } from '../delivery/settle-callbacks';
import { recordOutcomes } from '../record/record-outcomes';

const UNKNOWN: SendOutcome = { kind: 'unknown', reason: 'RESPONSE_TIMEOUT' };
const NOT_SENT: SendOutcome = { kind: 'not_sent', retryAfterMs: 0, reason: 'THROTTLED' };
const accepted: SendOutcome = { kind: 'accepted', providerId: 'SM1', status: 'queued', rank: 20 };

describe('outcomes over gRPC', () => {
  let doors: OpenDoors;
  let org: string;
  let operator: Dispatch;
  let epoch: string;

  beforeAll(async () => {
    doors = await openDoors();
    epoch = await doors.ledger.lease();
  });
  afterAll(() => doors.stop());
  beforeEach(() => {
    org = newId();
    operator = doors.as({ org, scopes: ['operator', 'read'], subject: 'olga' });
  });
  afterEach(async () => {
    expect((await operator.checkLedger({ outboundRequestId: '', flowRunId: '' })).discrepancies).toEqual([]);
  });

  const sent = async (outcome: SendOutcome) => {
    const request = await doors.ledger.accept({ org, messages: 1 });
    const slice = await doors.ledger.claim(request, epoch);
    const outcomes = slice.messages.map((message) => ({ slice, message, outcome }));
    await doors.ledger.database.worker((tx) => recordOutcomes(tx, deps, { outcomes, slices: [slice] }));
    return { request, messageId: request.messageIds[0] ?? '' };
  };
  const hear = (request: StoredRequest, status: string, code = '') =>
    doors.ledger.database.worker((tx) =>
      settleCallbacks(tx, deps, [callbackOf(request, 0, status, { providerErrorCode: code })]),
    );
  const resolve = (messageId: string, state: MessageState, evidence = 'The console of the provider shows it.') =>
    operator.resolveMessage({ messageId, state, evidence });
  const history = async (messageId: string, pageSize = 0) => {
    const steps: MessageStep[] = [];
    let pages = 0;
    for (let pageToken: string | undefined = ''; pageToken !== undefined; pages += 1) {
      const page = await operator.listMessageSteps({ messageId, pageSize, pageToken });
      steps.push(...page.steps);
      pageToken = page.nextPageToken === '' ? undefined : page.nextPageToken;
    }
    return { steps, pages };
  };
  const told = async (messageId: string) => {
    const { steps } = await history(messageId);
    return steps.map(({ attempt, state, source }) =>
      [attempt, state.replace('MESSAGE_STATE_', ''), source.replace('SOURCE_', '')].join(' '),
    );
  };
  const reasonOf = async (call: Promise<unknown>) => (await refusal(call)).reason;

  describe('ResolveMessage', () => {
    it.each([
      [MessageState.SENT, ''],
      [MessageState.DELIVERED, ''],
      [MessageState.FAILED, 'RESOLVED_AS_FAILED'],
    ])('makes of an unknown outcome %s, and says in the history who found it, and how', async (state, reason) => {
      const { messageId } = await sent(UNKNOWN);
      const { message } = await resolve(messageId, state, '  The customer says so. ');
      expect(message).toMatchObject({ id: messageId, state, reason, attempt: 1 });
      const { steps } = await history(messageId);
      expect(steps.at(-1)).toMatchObject({
        ...{ state, source: MessageStep_Source.OPERATOR, saidBy: 'olga', evidence: 'The customer says so.' },
      });
    });

    it('P6: loses to any later word of the provider', async () => {
      const { request, messageId } = await sent(UNKNOWN);
      await resolve(messageId, MessageState.DELIVERED);
      await hear(request, 'undelivered', '30005');
      const { message } = await operator.getMessage({ messageId });
      expect(message).toMatchObject({ state: MessageState.UNDELIVERED, reason: 'ADDRESS_INVALID_AT_PROVIDER' });
    });

    it('answers a repeat as before, and decides nothing twice', async () => {
      const { messageId } = await sent(UNKNOWN);
      const first = await resolve(messageId, MessageState.SENT);
      expect(await resolve(messageId, MessageState.SENT)).toEqual(first);
      expect((await history(messageId)).steps).toHaveLength(3);
      expect(await reasonOf(resolve(messageId, MessageState.SENT, 'For another reason.'))).toBe('MESSAGE_NOT_UNKNOWN');
    });

    it('MESSAGE_NOT_UNKNOWN: what has another state is nobody’s to decide', async () => {
      const { messageId } = await sent(accepted);
      const error = await refusal(resolve(messageId, MessageState.FAILED));
      expect(error).toMatchObject({ reason: 'MESSAGE_NOT_UNKNOWN' });
      expect(error.detail.preconditions).toMatchObject([{ subject: messageId }]);
    });

    it('MESSAGE_NOT_FOUND: there is none, or it is of another organisation', async () => {
      const foreign = await doors.ledger.accept({ org: newId(), messages: 1 });
      expect(await reasonOf(resolve(foreign.messageIds[0] ?? '', MessageState.SENT))).toBe('MESSAGE_NOT_FOUND');
    });

    it('INVALID_FIELD: lists all that is wrong', async () => {
      const error = await refusal(
        operator.resolveMessage({ messageId: 'm', state: MessageState.QUEUED, evidence: ' ' }),
      );
      expect(error.reason).toBe('INVALID_FIELD');
      expect(error.detail.violations?.map(({ field }) => field)).toEqual(['message_id', 'state', 'evidence']);
      const { messageId } = await sent(UNKNOWN);
      await resolve(messageId, MessageState.SENT, '€'.repeat(500));
      expect(await reasonOf(resolve(messageId, MessageState.SENT, '€'.repeat(501)))).toBe('INVALID_FIELD');
    });

    it('SCOPE_MISSING: only an operator may', async () => {
      const { messageId } = await sent(UNKNOWN);
      const other = doors.as({ org, scopes: ['send', 'read'] });
      const call = other.resolveMessage({ messageId, state: MessageState.SENT, evidence: 'x' });
      expect(await reasonOf(call)).toBe('SCOPE_MISSING');
    });
  });

  describe('ListMessageSteps', () => {
    it('tells what happened from the acceptance on, with the code and the id of the provider', async () => {
      const { request, messageId } = await sent(accepted);
      await hear(request, 'sent');
      await hear(request, 'sent');
      await hear(request, 'undelivered', '30003');
      expect(await told(messageId)).toEqual([
        '1 QUEUED CALL',
        '1 SENT SEND',
        '1 SENT CALLBACK',
        '1 UNDELIVERED CALLBACK',
      ]);
      const { steps } = await history(messageId);
      expect(steps.at(-1)).toMatchObject({
        ...{ reason: 'ADDRESS_UNREACHABLE', providerErrorCode: '30003', contradicts: false },
        providerMessageId: `SM${messageId.replaceAll('-', '')}`,
      });
      expect(steps[0]?.id).toBe('');
    });

    it('P6: keeps a word that denies a delivery, once, and does not believe it', async () => {
      const { request, messageId } = await sent(accepted);
      await hear(request, 'delivered');
      for (let times = 0; times < 2; times += 1) await hear(request, 'failed', '30008');
      const { steps } = await history(messageId);
      expect(steps.filter(({ contradicts }) => contradicts)).toMatchObject([
        { state: MessageState.FAILED, providerErrorCode: '30008' },
      ]);
      expect((await operator.getMessage({ messageId })).message?.state).toBe(MessageState.DELIVERED);
    });

    it('tells of each attempt', async () => {
      const { messageId } = await sent(NOT_SENT);
      expect(await told(messageId)).toEqual(['1 QUEUED CALL', '2 QUEUED SEND']);
    });

    it('tells of what was skipped and of what was cancelled', async () => {
      const skipped = await doors.ledger.accept({ org, messages: 1, skipped: 1 });
      const [row] = await doors.ledger.asOwner<{ id: string }>(
        'select id from message where outbound_request_id = $1 and skip_reason is not null',
        [skipped.id],
      );
      expect((await history(row?.id ?? '')).steps).toMatchObject([
        { state: MessageState.SKIPPED, reason: 'OPTED_OUT' },
      ]);
      await doors.ledger.asOwner('update batch set cancelled_at = now() where id = $1', [skipped.batchId]);
      expect(await told(skipped.messageIds[0] ?? '')).toEqual(['1 QUEUED CALL', '1 CANCELLED CALL']);
    });

    it('comes page by page, each step once', async () => {
      const { request, messageId } = await sent(accepted);
      for (const status of ['sending', 'sent', 'delivered', 'read']) await hear(request, status);
      const { steps, pages } = await history(messageId, 2);
      expect(pages).toBe(3);
      expect(steps).toEqual((await history(messageId)).steps);
      expect(steps).toHaveLength(6);
    });

    it('P10: MESSAGE_NOT_FOUND and INVALID_FIELD: of no other organisation, and of nothing that is no id', async () => {
      const { messageId } = await sent(accepted);
      const other = doors.as({ org: newId() });
      const ask = (id: string) => other.listMessageSteps({ messageId: id, pageSize: 0, pageToken: '' });
      expect(await reasonOf(ask(messageId))).toBe('MESSAGE_NOT_FOUND');
      expect(await reasonOf(ask('m'))).toBe('INVALID_FIELD');
    });
  });
});
