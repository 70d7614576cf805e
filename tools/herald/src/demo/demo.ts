import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { CheckLedgerResponse, LedgerCounts, Message } from '@herald/contracts/dispatch';
import { stopLocalBroker } from '@herald/local-kafka';
import { removeLocalServer, stopLocalServer } from '@herald/postgres/local-server';
import { runUntilSignal } from '@herald/service';
import { v5 as uuidv5 } from 'uuid';
import { AdviceError } from '../advice-error';
import { allMessages } from '../client/all-messages';
import { connect, type Connection } from '../client/connect';
import type { ContactList, Dispatching, SentRequest } from '../client/contact-list';
import { patiently } from '../client/patiently';
import { sendContacts } from '../client/send-contacts';
import { sampleContacts, type SampleContact } from '../sample/contacts';
import { makeSampleOrganisation } from '../sample/organisation';
import { stopSimulator } from '../system/simulator-process';
import type { SystemFile } from '../system/system-file';
import { acceptedOf, discrepancies, type Findings } from './compare';
import { heraldProcess, type HeraldProcess } from './herald-process';
import { openPositions, sendingProcess } from './open-positions';
import { tableOf } from './print';
import { simulatorControl } from './simulator-control';

/** What a demo is told to do. */
export interface DemoSettings {
  contacts: number;
  /** Kill Herald when the provider has so many receipts. */
  killAt: number | undefined;
  /** Send events over Kafka and not within the process. */
  kafka: boolean;
  /** Run each service as processes of their own, and kill some of them instead of all. */
  distributed: boolean;
  simulatorFaults: string;
  /** A home to use and keep, instead of a fresh one that goes when all went well. */
  home: string | undefined;
  print(line: string): void;
}

const ORG = 'sample';
const NAMESPACE = '4f6f7d3e-9e3c-4c0e-8e57-3c7f0b2a5d90';
const SETTLE_MS_MAX = 150_000;
const LOOK_EVERY_MS = 500;

/** What a shell reports of a program that Ctrl-C ended. */
const INTERRUPTED_EXIT_CODE = 130;

/**
 * Sends a list of contacts through all of Herald, in a process of its own and by its public doors alone, and compares
 * what its ledger says with what the provider's receipts prove. Returns whether all of it agrees. A fresh home goes
 * with all its data when it does, at Ctrl-C, or when Herald does not start; otherwise it is evidence, and stays.
 */
export async function demo(settings: DemoSettings): Promise<boolean> {
  const { print } = settings;
  const home = settings.home ?? (await mkdtemp(join(tmpdir(), 'herald-demo-')));
  await mkdir(home, { recursive: true });
  const isFresh = settings.home === undefined;
  const story = new Story(home, settings);
  let isInterrupted = false;
  const interrupt = async () => {
    isInterrupted = true;
    print('Interrupted. Stopping all that was started …');
    await story.end(isFresh).catch((error: unknown) => print(String(error)));
    // What the story still waits for is of no more use.
    process.exit(INTERRUPTED_EXIT_CODE);
  };
  void runUntilSignal({ stop: interrupt });
  // A terminal that is closed is as good as Ctrl-C.
  process.once('SIGHUP', () => process.kill(process.pid, 'SIGTERM'));
  let isGood = false;
  try {
    isGood = await story.run();
  } catch (error) {
    // Whoever interrupts needs not hear which call that broke.
    if (!isInterrupted) throw error;
  } finally {
    // One that never ran has no evidence to keep.
    await story.end(isFresh && (isGood || !story.hasRun));
  }
  return isGood;
}

/** One run of the demo: what it has started, and how it goes. */
class Story {
  readonly #home: string;
  readonly #settings: DemoSettings;
  #herald: HeraldProcess | undefined;
  #connection: Connection | undefined;
  #openAtKill: number | undefined;
  #starting: Promise<HeraldProcess> | undefined;
  #ending: Promise<void> | undefined;

  constructor(home: string, settings: DemoSettings) {
    this.#home = home;
    this.#settings = settings;
  }

  async run(): Promise<boolean> {
    const { print, contacts: size } = this.#settings;
    const startedAt = performance.now();
    print('Starting Herald, PostgreSQL and a Twilio-compatible simulator on free ports …');
    await this.#start();
    const sample = await makeSampleOrganisation(this.#connected, { org: ORG, simulatorUrl: this.#simulator.url });
    print(
      `Made an account, a short code, a template and the configuration ${sample.outboundConfigurationId} by the public API.`,
    );
    const contacts = sampleContacts(size);
    print(
      `Sending to ${size} contacts in ${new Set(contacts.map(({ country }) => country)).size} countries, 100 in a request …`,
    );
    const list = {
      listId: uuidv5(`${this.#home}/${size}`, NAMESPACE),
      outboundConfigurationId: sample.outboundConfigurationId,
      contacts: contacts.map(({ contact }) => contact),
    };
    const sending = this.#sending(list);
    const [sent] = await Promise.all([sending, this.#killWhenDue(sending)]);
    await this.#settled();
    const findings = await this.#find(size);
    return this.#report({ contacts, sent, findings, seconds: (performance.now() - startedAt) / 1000 });
  }

  /** Whether Herald ever ran. */
  get hasRun(): boolean {
    return this.#herald !== undefined;
  }

  /** Stops all that was started, whatever happened, and removes or keeps its home. The first call decides. */
  end(isRemoved: boolean): Promise<void> {
    return (this.#ending ??= this.#end(isRemoved));
  }

  async #end(isRemoved: boolean): Promise<void> {
    this.#connection?.close();
    // A Herald that is still starting would leave behind what it has started.
    await this.#starting?.catch(() => undefined);
    await this.#herald?.stop();
    // In a home that was named, what runs though our Herald never did is another's.
    if (!this.hasRun && this.#settings.home !== undefined) return;
    // A Herald that was killed, or never came up again, could not stop what lives beside it.
    await stopSimulator(this.#home);
    await stopLocalBroker(join(this.#home, 'kafka'));
    const postgres = join(this.#home, 'postgres');
    if (isRemoved) {
      await removeLocalServer(postgres);
      await rm(this.#home, { recursive: true, force: true });
      return;
    }
    const data = await stopLocalServer(postgres);
    if (this.#settings.home !== undefined) return;
    this.#settings.print(
      `The home of this run stays in ${this.#home}; its log is herald.log, its PostgreSQL is in ${data}.`,
    );
  }

  async #start(): Promise<void> {
    const { simulatorFaults, killAt, kafka, distributed } = this.#settings;
    const flags = simulatorFaults === '' ? [] : ['--simulator-faults', simulatorFaults];
    if (kafka) flags.push('--kafka');
    if (distributed) flags.push('--distributed');
    // With a provider that delivers everything, whatever is not delivered after a kill is Herald's fault.
    if (killAt !== undefined) flags.push('--simulator-outcomes', 'delivered=1');
    if (this.#ending) throw new Error('the demo has ended');
    this.#starting = heraldProcess(this.#home, flags);
    this.#herald = await this.#starting;
    this.#connection?.close();
    this.#connection = await connect(
      this.#home,
      {},
      { org: ORG, scopes: ['configure', 'send', 'read'], subject: 'demo' },
    );
  }

  get #connected(): Connection {
    if (!this.#connection) throw new Error('the demo is not connected');
    return this.#connection;
  }

  get #simulator(): { url: string; control: string } {
    const simulator = this.#herald?.file.simulator;
    if (!simulator) throw new Error('the demo runs without a simulator');
    return simulator;
  }

  /** Streams the list. A stream that was cut off by the kill is taken up once Herald is back. */
  async #sending(list: ContactList): Promise<SentRequest[]> {
    const { print } = this.#settings;
    // The connection changes with the restart; each call takes the one of its moment.
    const dispatch: Dispatching['dispatch'] = {
      sendOutboundMessages: (request) => this.#connected.dispatch.sendOutboundMessages(request),
      streamOutboundMessages: (steps) => this.#connected.dispatch.streamOutboundMessages(steps),
    };
    const onSent = ({ offset, results }: SentRequest) => {
      const accepted = results.filter(({ outcome }) => outcome?.$case === 'accepted').length;
      print(`  contacts ${offset + 1}–${offset + results.length}: ${accepted} accepted`);
    };
    return sendContacts({ dispatch }, list, { onSent });
  }

  /** Throws AdviceError when all is sent and the provider has fewer receipts: they will never be so many. */
  async #killWhenDue(sending: Promise<unknown>): Promise<void> {
    const { killAt, print } = this.#settings;
    const { file } = this.#herald ?? {};
    if (killAt === undefined || !file) return;
    const control = simulatorControl(this.#simulator.control);
    let isSent = false;
    sending.then(
      () => (isSent = true),
      () => undefined,
    );
    for (;;) {
      const isLast = isSent && (await this.#isAllOut());
      const received = await control.received();
      if (received >= killAt) break;
      if (isLast) throw new AdviceError(`The provider got ${received} messages and no more. Choose a lower --kill-at.`);
      await pause(20);
    }
    const { postgres } = file.ports;
    const killed = this.#settings.distributed ? await this.#killSome(file) : await this.#killAll();
    this.#openAtKill = await openPositions(this.#home, postgres);
    print(`Killed ${killed} with SIGKILL after ${killAt} receipts; ${this.#openAtKill} messages were under way.`);
    if (!this.#settings.distributed) await this.#start();
  }

  async #killAll(): Promise<string> {
    await this.#herald?.kill();
    return 'Herald';
  }

  /** Kills who sends, one who takes callbacks, and one who announces what was configured; their keeper starts them anew. */
  async #killSome({ processes = {}, ports }: SystemFile): Promise<string> {
    const sending = await sendingProcess(this.#home, ports.postgres);
    const victims = Object.entries(processes).filter(
      ([name, pid]) => pid !== undefined && (pid === sending || ['gateway-1', 'configuration-1'].includes(name)),
    );
    for (const [, pid] of victims) if (pid !== undefined) process.kill(pid, 'SIGKILL');
    return victims.map(([name]) => name).join(', ');
  }

  async #isAllOut(): Promise<boolean> {
    const { counts } = await this.#ledger();
    return counts !== undefined && counts.queued + counts.sending === 0;
  }

  /** Waits until every message has an outcome and the provider has nothing more to tell. */
  async #settled(): Promise<void> {
    const { print } = this.#settings;
    const control = simulatorControl(this.#simulator.control);
    const deadline = performance.now() + SETTLE_MS_MAX;
    let told = '';
    let before = '';
    while (performance.now() < deadline) {
      const { counts } = await this.#ledger();
      if (!counts) throw new Error('the ledger has no counts');
      const { queued, sending, sent, delivered, unknown } = counts;
      const line = `  ${queued} queued, ${sending} sending, ${sent} sent, ${delivered} delivered, ${unknown} unknown`;
      if (line !== told) print(line);
      told = line;
      const isUnderWay = queued + sending > 0;
      if (!isUnderWay) await control.idle();
      // What the provider has told may still be on its way through the bus: two looks must see the same, and all of it.
      if (!isUnderWay && line === before && (await this.#isToldAll(counts))) return;
      before = isUnderWay ? '' : line;
      await pause(LOOK_EVERY_MS);
    }
    print('Not everything was settled in time.');
  }

  /** Whether every delivery that the provider reported has arrived; after a kill a broker may hold reports back for 30 s. */
  async #isToldAll({ delivered, read }: LedgerCounts): Promise<boolean> {
    const { byStatus } = await simulatorControl(this.#simulator.control).receipts();
    return this.#areReportsLost || delivered + read >= (byStatus['delivered'] ?? 0);
  }

  get #areReportsLost(): boolean {
    return /\bcb-(drop|badsig)\b/.test(this.#settings.simulatorFaults);
  }

  #ledger(): Promise<CheckLedgerResponse> {
    return patiently(() => this.#connected.dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' }));
  }

  async #find(contacts: number): Promise<Findings & { messages: Message[] }> {
    const messages = await allMessages(this.#connected);
    const receipts = await simulatorControl(this.#simulator.control).receipts();
    const ledger = await this.#ledger();
    const areReportsLost = this.#areReportsLost;
    return { contacts, ledger, messages, receipts, areReportsLost, openAtKill: this.#openAtKill };
  }

  #report(told: {
    contacts: readonly SampleContact[];
    sent: readonly SentRequest[];
    findings: Findings & { messages: Message[] };
    seconds: number;
  }): boolean {
    const { print } = this.#settings;
    const { contacts, sent, findings, seconds } = told;
    const { counts } = findings.ledger;
    if (!counts) throw new Error('the ledger has no counts');
    const results = sent.flatMap(({ offset, results: part }) =>
      part.map((result) => ({ ...result, at: offset + result.index })),
    );
    const accepted = results.flatMap(({ outcome, at }) =>
      outcome?.$case === 'accepted' ? [{ ...outcome.value, at }] : [],
    );
    const countries = new Set(accepted.map(({ at }) => contacts[at]?.country));
    const languages = Map.groupBy(accepted, ({ language }) => language);
    print('');
    print(tableOf('state', statesOf(counts)));
    print(tableOf('reason', { ...counts.refusedByReason, ...counts.skippedByReason, ...counts.failedByReason }));
    print(tableOf('language', Object.fromEntries([...languages].map(([language, all]) => [language, all.length]))));
    const fellBack = accepted.filter(({ languageFellBack }) => languageFellBack).length;
    print(`${fellBack} contacts got the default language, because the template has none of theirs.`);
    const faults = discrepancies(findings);
    for (const fault of faults) print(`DISCREPANCY: ${fault}`);
    print(`Took ${seconds.toFixed(1)} s.`);
    const lastLine = {
      contacts: counts.contacts,
      countries: countries.size,
      languages: languages.size,
      accepted: acceptedOf(counts),
      ...statesOf(counts),
      receipts: findings.receipts.receipts,
      openAtKill: findings.openAtKill,
      ledger: faults.length === 0 ? 'conserved' : 'not conserved',
    };
    print(JSON.stringify(lastLine));
    return faults.length === 0;
  }
}

/** In the order of the last line. */
function statesOf(counts: LedgerCounts): Record<string, number> {
  const { refused, skipped, queued, sending, unknown, sent, delivered, read, undelivered, failed, cancelled, expired } =
    counts;
  return { refused, skipped, queued, sending, unknown, sent, delivered, read, undelivered, failed, cancelled, expired };
}
