import { setTimeout as pause } from 'node:timers/promises';
import { signatureOf } from '@herald/simulator';
import { poster } from '../poster';

/** What callbacks are signed with, and how many go out at once. */
export interface CallbackSettings {
  authToken: string;
  connections: number;
}

/** How callbacks stand. */
export interface CallbackCounts {
  /** Answered with 2xx. */
  answered: number;
  /** Tries that were not, and that came again. */
  repeated: number;
  /** Given up after all tries. */
  failed: number;
}

/** Reports on messages that were taken. */
export interface CallbackSender {
  /** Reports sent, and after its answer delivered. `form` is the message as it was posted. */
  report(form: string, accountSid: string, sid: string): void;
  callAt(origin: string): void;
  counts(): CallbackCounts;
  forget(): void;
  stop(): Promise<void>;
}

interface Reported {
  url: URL;
  accountSid: string;
  sid: string;
  to: string;
  from: string;
}

/** As the simulator repeats, and as many times as the callback URL asks for by `rc=5`. */
const TRIES_MAX = 6;
const REPEAT_AFTER_MS = 480;
const HEADERS = {
  'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
  'user-agent': 'TwilioProxy/1.1',
  accept: '*/*',
};

/**
 * Makes the sender of callbacks; without settings it reports nothing. Those that wait do so in memory: whoever drives the
 * load bounds how many there are, and nothing is dropped.
 */
export function callbackSender(settings: CallbackSettings | undefined): CallbackSender {
  const sender = settings === undefined ? undefined : new Sender(settings);
  return {
    report: (form, accountSid, sid) => sender?.report(form, accountSid, sid),
    callAt: (origin) => void (sender && (sender.origin = origin)),
    counts: () => ({ ...(sender?.counts ?? NONE) }),
    forget: () => void (sender && (sender.counts = { ...NONE })),
    stop: async () => sender?.stop(),
  };
}

const NONE: CallbackCounts = { answered: 0, repeated: 0, failed: 0 };

class Sender {
  counts = { ...NONE };
  origin: string | undefined;
  readonly #settings: CallbackSettings;
  readonly #poster;
  #waiting: Reported[] = [];
  #next = 0;
  #underWay = 0;
  #isStopped = false;

  constructor(settings: CallbackSettings) {
    this.#settings = settings;
    this.#poster = poster(settings.connections, 'dispatch');
  }

  report(form: string, accountSid: string, sid: string): void {
    const fields = new URLSearchParams(form);
    const url = new URL(fields.get('StatusCallback') ?? '');
    url.hash = '';
    this.#waiting.push({ url, accountSid, sid, to: fields.get('To') ?? '', from: fields.get('From') ?? '' });
    this.#pump();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#poster.close();
  }

  #pump(): void {
    while (this.#underWay < this.#settings.connections && this.#next < this.#waiting.length) {
      const reported = this.#waiting[this.#next++] as Reported;
      if (this.#next === this.#waiting.length) [this.#waiting, this.#next] = [[], 0];
      this.#underWay += 1;
      void this.#reportBoth(reported);
    }
  }

  async #reportBoth(reported: Reported): Promise<void> {
    await this.#insistently(reported, 'sent');
    await this.#insistently(reported, 'delivered');
    this.#underWay -= 1;
    this.#pump();
  }

  async #insistently(reported: Reported, status: string): Promise<void> {
    for (let tries = 1; !this.#isStopped; tries += 1) {
      if (await this.#isAnswered(reported, status)) return void (this.counts.answered += 1);
      if (tries === TRIES_MAX) return void (this.counts.failed += 1);
      this.counts.repeated += 1;
      await pause(REPEAT_AFTER_MS * 2 ** (tries - 1), undefined, { ref: false });
    }
  }

  async #isAnswered({ url, accountSid, sid, to, from }: Reported, status: string): Promise<boolean> {
    const parameters = {
      ...{ AccountSid: accountSid, ApiVersion: '2010-04-01', MessageSid: sid, MessageStatus: status },
      ...{ SmsSid: sid, SmsStatus: status, To: to, From: from },
    };
    const signature = signatureOf(this.#settings.authToken, url.href, parameters);
    const answer = this.#poster.post(this.origin ?? url.origin, {
      path: url.pathname + url.search,
      headers: { ...HEADERS, 'x-twilio-signature': signature },
      body: new URLSearchParams(parameters).toString(),
    });
    return answer.then(
      (given) => given.status >= 200 && given.status < 300,
      () => false,
    );
  }
}
