import { setTimeout as pause } from 'node:timers/promises';
import { accept, CONTACTS_PER_REQUEST, send } from './accept';
import { A_DAY_MS, acceptBacklog, untilDone, untilReady } from './backlog';
import {
  ACCOUNTS,
  CALLERS,
  CONNECTIONS,
  examine,
  measured,
  PLACES_PER_ACCOUNT,
  WINDOW_MESSAGES,
  type Bench,
  type RunResult,
} from './bench';
import { bareLoop, reportingTo } from './ceilings';
import { letGo, makeOrganisation, makeOrganisations, type Organisation } from './organisations';
import type { UndiciCall } from './poster';
import { addUsages } from './processes';
import { latencyOf } from './statistics';

/** One thing that is measured. */
export interface Scenario {
  name: string;
  text: string;
  /** Whether it runs when nobody names it. */
  byDefault: boolean;
  run(bench: Bench): Promise<RunResult>;
}

const SENDERS = 8;
/** The gateway takes 1,000 callbacks a second of an account. */
const REPORTED_ORGANISATIONS_MAX = 32;
/** How long the slow provider takes. */
export const SLOW_MS = 100;
const LOOK_EVERY_MS = 20;
const PATIENCE_MS = 120_000;

/** All that is measured, in the order of a run: each ceiling right before what is held against it. */
export const SCENARIOS: readonly Scenario[] = [
  {
    ...{ name: 'ceiling', byDefault: true, run: (bench) => ceiling(bench, 'request', 'ceiling') },
    text: 'a bare loop of undici’s request, which reads each answer as JSON',
  },
  {
    ...{ name: 'ceiling-dispatch', byDefault: true, run: (bench) => ceiling(bench, 'dispatch', 'ceiling-dispatch') },
    text: 'the same by undici’s dispatch, which makes no streams',
  },
  {
    ...{ name: 'drain', byDefault: true },
    text: `a backlog of one organisation with ${SENDERS} senders, from its release to the last row`,
    run: (bench) => drain(bench, 'drain', async () => [await makeOrganisation(bench.system, oneOrganisation(bench))]),
  },
  {
    ...{ name: 'drain-hundred', byDefault: true },
    text: 'a backlog of a hundred organisations with one sender each',
    run: (bench) =>
      drain(bench, 'drain-hundred', () =>
        makeOrganisations(bench.system, bench.sizes.organisations, single(bench.sinks.atOnce.url)),
      ),
  },
  {
    ...{ name: 'end-to-end-ceiling', byDefault: true, run: endToEndCeiling },
    text: 'a bare loop; its sink signs two callbacks a message, a bare fastify verifies them',
  },
  {
    ...{ name: 'end-to-end', byDefault: true, run: endToEnd },
    text: 'from gRPC through outbox, bus and provider to the second callback in the ledger',
  },
  {
    ...{ name: 'accept', byDefault: true, run: acceptAlone },
    text: 'contacts a second, accepted and stored; nothing leaves meanwhile',
  },
  {
    ...{ name: 'slow-provider', byDefault: true, run: slowProvider },
    text: `a backlog to a provider that takes ${SLOW_MS} ms`,
  },
  {
    ...{ name: 'backlog', byDefault: false, run: hugeBacklog },
    text: 'memory while a huge backlog of one organisation leaves, and a small organisation’s wait beside it',
  },
];

const single = (sinkUrl: string) => ({ sinkUrl, accounts: 1, senders: 1 });
const oneOrganisation = ({ sinks }: Bench) => ({ sinkUrl: sinks.atOnce.url, accounts: ACCOUNTS, senders: SENDERS });

async function ceiling(bench: Bench, by: UndiciCall, name: string): Promise<RunResult> {
  const { sinks, request, sizes } = bench;
  await sinks.atOnce.forget();
  const { messages, seconds, latenciesMs, usage } = await measured(bench, name, () =>
    bareLoop({ origin: sinks.atOnce.url, request, by, connections: CONNECTIONS, seconds: sizes.seconds }),
  );
  const { taken, connections, openMax } = await sinks.atOnce.counts();
  return {
    ...{ perS: messages / seconds, messages, seconds, latency: latencyOf(latenciesMs), usage },
    ...{ connections, open: openMax },
    faults: taken === messages ? [] : [`${messages} were sent, and ${taken} came to the sink`],
  };
}

async function endToEndCeiling(bench: Bench): Promise<RunResult> {
  const { sinks, verifier, request, sizes } = bench;
  const { reporting } = sinks;
  await reporting.forget();
  await reporting.callAt(verifier.url);
  const before = await verifier.counts();
  const { messages, seconds, latenciesMs, usage } = await measured(bench, 'end-to-end-ceiling', () =>
    bareLoop({
      ...{ origin: reporting.url, by: 'request', connections: CONNECTIONS, seconds: sizes.seconds },
      request: reportingTo(verifier.url, request),
      windowMax: WINDOW_MESSAGES,
      completed: async () => Math.floor((await reporting.counts()).callbacks.answered / 2),
    }),
  );
  const { taken, connections, openMax, callbacks } = await reporting.counts();
  const after = await verifier.counts();
  const verified = after.verified - before.verified;
  const isWhole = taken === messages && verified === 2 * messages && callbacks.failed + callbacks.repeated === 0;
  return {
    ...{ perS: messages / seconds, messages, seconds, latency: latencyOf(latenciesMs), usage },
    ...{ connections, open: openMax },
    faults: isWhole ? [] : [`${messages} were sent, ${taken} came to the sink, ${verified} callbacks were verified`],
  };
}

/** Drains one backlog after the other until all of them together took as long as a run has to. */
async function drain(
  bench: Bench,
  name: string,
  make: () => Promise<Organisation[]>,
  { sink = bench.sinks.atOnce, messages = bench.sizes.messages } = {},
): Promise<RunResult> {
  const total = { messages: 0, seconds: 0, faults: [] as string[], latenciesMs: [] as number[] };
  const usages: RunResult['usage'][] = [];
  const atSink = { connections: 0, open: 0 };
  do {
    const backlog = await acceptBacklog(bench, make, messages);
    const { organisations, accepted } = backlog;
    await sink.forget();
    await untilReady(backlog);
    const { usage, seconds } = await measured(bench, name, async () => {
      const startedAtMs = performance.now() - (Date.now() - backlog.readyTime.getTime());
      const endedAtMs = await untilDone(bench, organisations, accepted);
      return { messages: accepted, seconds: (endedAtMs - startedAtMs) / 1000 };
    });
    const outbox = await bench.ledger.outbox();
    const { taken, connections, openMax } = await sink.counts();
    total.latenciesMs.push(...(await timesToLedger(bench, organisations, sink)));
    total.faults.push(...(await examine(bench, organisations, { accepted, taken, outbox, end: 'settled' })));
    letGo(organisations);
    total.messages += accepted;
    total.seconds += seconds;
    usages.push(usage);
    Object.assign(atSink, { connections, open: openMax });
  } while (total.seconds < bench.sizes.seconds && total.faults.length === 0);
  const { messages: settled, seconds, faults, latenciesMs } = total;
  const latency = latencyOf(latenciesMs);
  return { perS: settled / seconds, messages: settled, seconds, latency, ...atSink, usage: addUsages(usages), faults };
}

/** From the moment that the sink has a message to the moment that its outcome is written, of those that it noted. */
async function timesToLedger(
  { ledger }: Bench,
  organisations: readonly Organisation[],
  sink: Bench['sinks']['atOnce'],
): Promise<number[]> {
  const notes = await sink.notes();
  const ids = notes.map(({ messageId }) => messageId);
  const times = await ledger.outcomeTimes(
    organisations.map(({ id }) => id),
    ids,
  );
  return notes.flatMap(({ messageId, takenAtMs }) => {
    const outcomeAtMs = times.get(messageId);
    return outcomeAtMs === undefined ? [] : [outcomeAtMs - takenAtMs];
  });
}

async function slowProvider(bench: Bench): Promise<RunResult> {
  const { system, sinks, sizes } = bench;
  const limit = (PLACES_PER_ACCOUNT * ACCOUNTS) / (SLOW_MS / 1000);
  const settings = { ...oneOrganisation(bench), sinkUrl: sinks.slow.url };
  const messages = Math.ceil((limit * sizes.seconds) / CONTACTS_PER_REQUEST) * CONTACTS_PER_REQUEST;
  const make = async () => [await makeOrganisation(system, settings)];
  const result = await drain(bench, 'slow-provider', make, { sink: sinks.slow, messages });
  return { ...result, more: { limitPerS: limit, ratio: result.perS / limit } };
}

async function acceptAlone(bench: Bench): Promise<RunResult> {
  const { system, ledger, sizes } = bench;
  // Requests of one organisation follow one another, for its audit log and its quota; a caller's are an organisation's.
  const organisations = await makeOrganisations(system, CALLERS, {
    ...oneOrganisation(bench),
    accounts: 1,
    senders: 1,
  });
  const readyTime = new Date(Date.now() + A_DAY_MS);
  const { accepted, seconds, latenciesMs, usage } = await measured(bench, 'accept', async () => {
    const startedAtMs = performance.now();
    const until = startedAtMs + sizes.seconds * 1000;
    const goesOn = () => performance.now() < until;
    const acceptance = await accept({ organisations, callers: CALLERS, readyTime, goesOn });
    // What is accepted is also announced before the clock stops.
    while ((await ledger.outbox()) > 0) await pause(LOOK_EVERY_MS);
    const lasted = (performance.now() - startedAtMs) / 1000;
    return { ...acceptance, messages: acceptance.accepted, seconds: lasted };
  });
  bench.acceptPerS = accepted / seconds;
  const faults = await examine(bench, organisations, { accepted, outbox: 0, end: 'queued' });
  letGo(organisations);
  return { perS: accepted / seconds, messages: accepted, seconds, latency: latencyOf(latenciesMs), usage, faults };
}

async function endToEnd(bench: Bench): Promise<RunResult> {
  const { system, sinks, ledger, sizes } = bench;
  const { reporting } = sinks;
  await reporting.callAt(system.gatewayUrl);
  const count = Math.min(REPORTED_ORGANISATIONS_MAX, sizes.organisations);
  const organisations = await makeOrganisations(system, count, single(reporting.url));
  await reporting.forget();
  const { messages, seconds, usage } = await measured(bench, 'end-to-end', async () => {
    const startedAtMs = performance.now();
    const until = startedAtMs + sizes.seconds * 1000;
    let reported = 0;
    const looking = setInterval(() => {
      void reporting.counts().then(({ callbacks }) => (reported = callbacks.answered / 2));
    }, LOOK_EVERY_MS);
    const { accepted } = await accept({
      ...{ organisations, callers: CALLERS, goesOn: () => performance.now() < until },
      mustWait: (count) => count - reported > WINDOW_MESSAGES,
    }).finally(() => clearInterval(looking));
    await untilDelivered(bench, organisations, accepted);
    const endedAtMs = await untilDone(bench, organisations, accepted);
    return { messages: accepted, seconds: (endedAtMs - startedAtMs) / 1000 };
  });
  const outbox = await ledger.outbox();
  const { taken, connections, openMax, callbacks } = await reporting.counts();
  const durations = await ledger.durationsMs(organisations.map(({ id }) => id));
  const faults = await examine(bench, organisations, { accepted: messages, taken, outbox, end: 'delivered' });
  letGo(organisations);
  if (callbacks.answered !== 2 * messages) faults.push(`${callbacks.answered} callbacks were taken of ${2 * messages}`);
  return {
    ...{ perS: messages / seconds, messages, seconds, latency: latencyOf(durations), usage, faults },
    ...{ connections, open: openMax },
    more: { callbacksPerS: (2 * messages) / seconds, callbacksRepeated: callbacks.repeated },
  };
}

/**
 * Waits until the ledger has both callbacks of every message. The sink reports delivered when sent was answered, both have
 * one key and so come in their order: where delivered stands, sent was settled before. A run that falls short shows it in
 * its ledger.
 */
async function untilDelivered(
  { sinks, ledger }: Bench,
  organisations: readonly Organisation[],
  messages: number,
): Promise<void> {
  const ids = organisations.map(({ id }) => id);
  const deadline = performance.now() + PATIENCE_MS;
  const isLate = () => performance.now() > deadline;
  const answered = async () => (await sinks.reporting.counts()).callbacks.answered;
  while ((await answered()) < 2 * messages && !isLate()) await pause(LOOK_EVERY_MS);
  while ((await ledger.isAnyUndelivered(ids)) && !isLate()) await pause(LOOK_EVERY_MS * 5);
}

/** A huge backlog of one organisation, and every second a message of another, by its own account. */
async function hugeBacklog(bench: Bench): Promise<RunResult> {
  const { system, sinks, sizes, ledger } = bench;
  const small = await makeOrganisation(system, single(sinks.atOnce.url));
  for (const sid of small.accountSids) await sinks.atOnce.watch(sid);
  const make = async () => [await makeOrganisation(system, oneOrganisation(bench))];
  const backlog = await acceptBacklog(bench, make, sizes.backlog);
  const { organisations, accepted } = backlog;
  await sinks.atOnce.forget();
  await untilReady(backlog);
  const begun = new Map<string, number>();
  const { usage, seconds } = await measured(bench, 'backlog', async () => {
    const startedAtMs = performance.now();
    let isDone = false;
    const done = untilDone(bench, organisations, accepted).finally(() => (isDone = true));
    const besides = async () => {
      while (!isDone) {
        const beganAtMs = performance.timeOrigin + performance.now();
        const [id = ''] = await send(small.connection, small.configurationIds[0] ?? '', { contacts: 1 });
        begun.set(id, beganAtMs);
        await pause(1_000);
      }
    };
    const [endedAtMs] = await Promise.all([done, besides()]);
    return { messages: accepted, seconds: (endedAtMs - startedAtMs) / 1000 };
  });
  await untilDone(bench, [small], begun.size);
  const outbox = await ledger.outbox();
  const { taken } = await sinks.atOnce.counts();
  const waits = (await sinks.atOnce.notes()).flatMap(({ messageId, takenAtMs }) => {
    const beganAtMs = begun.get(messageId);
    return beganAtMs === undefined ? [] : [takenAtMs - beganAtMs];
  });
  const faults = await examine(bench, organisations, { accepted, taken: taken - begun.size, outbox, end: 'settled' });
  faults.push(
    ...(await examine(bench, [small], { accepted: begun.size, taken: waits.length, outbox, end: 'settled' })),
  );
  letGo([...organisations, small]);
  const rssMb = usage[system.senderName]?.rssMb ?? 0;
  return {
    ...{ perS: accepted / seconds, messages: accepted, seconds, latency: latencyOf(waits), usage, faults },
    more: { rssMb, smallMessages: begun.size },
  };
}
