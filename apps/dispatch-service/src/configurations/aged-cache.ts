/** Answers to questions about an organisation's things, kept for a while. */
export interface AgedCache<Value> {
  get(org: string, id: string): Promise<Value>;
  /** Forgets what is known of an organisation. */
  drop(org: string): void;
}

/** So many answers at most; the one asked for longest ago makes room. */
const ENTRIES_MAX = 10_000;

/** Keeps each answer for `ageMsMax`. A question that failed is not kept, and calls that ask at once share one question. */
export function agedCache<Value>(settings: {
  ageMsMax: number;
  monotonicMs(): number;
  ask(org: string, id: string): Promise<Value>;
}): AgedCache<Value> {
  const { ageMsMax, monotonicMs, ask } = settings;
  const entries = new Map<string, { answer: Promise<Value>; staleAtMs: number }>();
  return {
    get: (org, id) => {
      const key = `${org}/${id}`;
      const known = entries.get(key);
      if (known && monotonicMs() < known.staleAtMs) return known.answer;
      const entry = { answer: ask(org, id), staleAtMs: monotonicMs() + ageMsMax };
      entries.delete(key);
      entries.set(key, entry);
      const [oldest] = entries.keys();
      if (entries.size > ENTRIES_MAX && oldest !== undefined) entries.delete(oldest);
      entry.answer.catch(() => {
        if (entries.get(key) === entry) entries.delete(key);
      });
      return entry.answer;
    },
    drop: (org) => {
      for (const key of entries.keys()) if (key.startsWith(`${org}/`)) entries.delete(key);
    },
  };
}
