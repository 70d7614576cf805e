import type { SendOutcome } from '@herald/channels';
import type { ClaimedMessage } from '../../src/claim/claim';
import type { Chance, Clockwork } from './clockwork';
import type { Rows } from './rows';

/** How the provider treats an account for a while. */
export type Mood = 'well' | 'unreachable' | 'silent' | 'unauthorised' | 'throttling';

/** A message that the provider took. */
export interface Receipt {
  sender: string;
  messageId: string;
  attempt: number;
  segments: number;
  atMs: number;
}

const REQUEST_TIMEOUT_MS = 15_000;
const THROTTLES_ABOVE = 8;

/** A provider that takes messages, answers or not, and reports on them late, twice, in any order, or never. */
export class Provider {
  readonly receipts: Receipt[] = [];
  /** How many answers never came: each may leave an outcome unknown. */
  lostAnswers = 0;
  /** What it said of, and was heard, that it arrived. */
  readonly delivered = new Set<string>();
  readonly #moods = new Map<string, Mood>();
  readonly #open = new Map<string, number>();

  constructor(
    private readonly clock: Clockwork,
    private readonly chance: Chance,
    private readonly rows: Rows,
  ) {}

  set(account: string, mood: Mood): void {
    this.#moods.set(account, mood);
  }

  /** Takes a request; `answer` is called once, when it is answered or its time is over. */
  post(
    { account, sender }: { account: string; sender: string },
    message: ClaimedMessage,
    answer: (outcome: SendOutcome) => void,
  ): void {
    const open = this.#open.get(account) ?? 0;
    this.#open.set(account, open + 1);
    const end = (ms: number, outcome: SendOutcome) =>
      this.clock.after(ms, () => {
        this.#open.set(account, (this.#open.get(account) ?? 1) - 1);
        answer(outcome);
      });
    const soonMs = this.chance.between(5, 300);
    const mood = this.#moods.get(account) ?? 'well';
    if (mood === 'unreachable') return end(soonMs, notSent('CONNECTION_FAILED'));
    if (mood === 'unauthorised') return end(soonMs, notSent('ACCOUNT_AUTHENTICATION_FAILED'));
    if (mood === 'throttling' && open >= THROTTLES_ABOVE) return end(soonMs, notSent('THROTTLED'));
    if (mood === 'well' && this.chance.happens(0.01)) {
      return end(soonMs, { kind: 'refused', code: '21211', reason: 'ADDRESS_INVALID_AT_PROVIDER' });
    }
    const { id: messageId, attempt, segments } = message;
    this.receipts.push({ sender, messageId, attempt, segments, atMs: this.clock.nowMs });
    this.#report(message);
    if (mood === 'silent' || this.chance.happens(0.01)) {
      this.lostAnswers += 1;
      return end(REQUEST_TIMEOUT_MS, { kind: 'unknown', reason: 'RESPONSE_TIMEOUT' });
    }
    end(soonMs, { kind: 'accepted', providerId: `SM-${messageId}-${attempt}`, status: 'queued', rank: 20 });
  }

  #report({ id, attempt }: ClaimedMessage): void {
    const providerId = `SM-${id}-${attempt}`;
    for (const rank of [30, 40, 80]) {
      if (this.chance.happens(0.15)) continue;
      for (let times = this.chance.happens(0.15) ? 2 : 1; times > 0; times -= 1) {
        const evidence = { attempt, rank, reason: null, providerCode: null, providerId };
        this.clock.after(this.chance.between(1, 3_000), () => {
          this.rows.evidence(id, evidence);
          if (rank === 80) this.delivered.add(id);
        });
      }
    }
  }
}

function notSent(reason: 'CONNECTION_FAILED' | 'ACCOUNT_AUTHENTICATION_FAILED' | 'THROTTLED'): SendOutcome {
  return { kind: 'not_sent', retryAfterMs: 1_000, reason };
}
