import { MessageState, type WatchRequestResponse } from '@herald/contracts/dispatch';
import { AdviceError } from '../../advice-error';
import { patiently } from '../../client/patiently';
import { watchRequest } from '../../client/watch-request';
import { PAGE, pageOf, READS_ALL_MS, type Noun } from './verb';

/** What can be asked about requests, and done about them. */
export const REQUEST: Noun = {
  noun: 'request',
  text: "what became of a request's contacts",
  verbs: [
    {
      verb: 'get',
      text: 'show a request and what became of its contacts',
      takesId: true,
      run: ({ dispatch }, _options, outboundRequestId) => dispatch.getRequest({ outboundRequestId }),
    },
    {
      verb: 'watch',
      text: 'show what becomes of its contacts as it happens, until every message is settled',
      takesId: true,
      run: (connection, _options, id) => countsOf(watchRequest(connection, id)),
    },
    {
      verb: 'list',
      text: 'list requests, newest first',
      options: PAGE,
      run: ({ dispatch }, options) => dispatch.listRequests(pageOf(options)),
    },
    {
      verb: 'cancel',
      text: 'end what of a request is still queued; what is being sent goes its way',
      takesId: true,
      run: ({ dispatch }, _options, outboundRequestId) => dispatch.cancelRequest({ outboundRequestId }),
    },
    {
      verb: 'pause',
      text: 'hold what of a request is still queued',
      takesId: true,
      run: ({ dispatch }, _options, outboundRequestId) => dispatch.pauseRequest({ outboundRequestId }),
    },
    {
      verb: 'resume',
      text: 'let a paused request go on',
      takesId: true,
      run: ({ dispatch }, _options, outboundRequestId) => dispatch.resumeRequest({ outboundRequestId }),
    },
  ],
};

/** What can be asked about messages. */
export const MESSAGE: Noun = {
  noun: 'message',
  text: 'where a message stands, and what happened to it',
  verbs: [
    {
      verb: 'get',
      text: 'show a message',
      takesId: true,
      run: ({ dispatch }, _options, messageId) => dispatch.getMessage({ messageId }),
    },
    {
      verb: 'list',
      text: 'list messages',
      options: { request: 'only those of a request', state: 'only those in this state, such as unknown', ...PAGE },
      run: ({ dispatch }, options) =>
        dispatch.listMessages({
          ...pageOf(options),
          outboundRequestId: options.request ?? '',
          states: statesOf(options.state),
        }),
    },
    {
      verb: 'history',
      text: 'show what happened to a message, step by step',
      takesId: true,
      options: PAGE,
      run: ({ dispatch }, options, messageId) => dispatch.listMessageSteps({ messageId, ...pageOf(options) }),
    },
  ],
};

/** What can be asked about the quota. */
export const QUOTA: Noun = {
  noun: 'quota',
  text: 'requests of the hour',
  verbs: [
    {
      verb: 'show',
      text: 'show how many requests of the hour are used',
      run: ({ dispatch }) => dispatch.getQuota({}),
    },
  ],
};

/** What can be asked about the ledger. */
export const LEDGER: Noun = {
  noun: 'ledger',
  text: 'the account of every contact',
  verbs: [
    {
      verb: 'check',
      text: 'prove that every contact is accounted for',
      options: { request: 'only for a request' },
      run: ({ dispatch }, options) =>
        patiently(() =>
          dispatch.checkLedger(
            { outboundRequestId: options.request ?? '', flowRunId: '' },
            { deadlineMs: READS_ALL_MS },
          ),
        ),
    },
  ],
};

async function* countsOf(answers: AsyncIterable<WatchRequestResponse>): AsyncGenerator<{ counts: unknown }> {
  for await (const { outboundRequest } of answers) yield { counts: outboundRequest?.counts };
}

function statesOf(text: string | undefined): MessageState[] {
  if (text === undefined) return [];
  const name = text.toUpperCase() as keyof typeof MessageState;
  if (Object.hasOwn(MessageState, name)) return [MessageState[name]];
  const known = Object.keys(MessageState).filter((state) => !/^UN(SPECIFIED|RECOGNIZED)$/.test(state));
  throw new AdviceError(`"${text.slice(0, 40)}" is no state. The states are ${known.join(', ').toLowerCase()}.`);
}
