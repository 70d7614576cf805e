import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSampleOrganisation, simulatorControl, type Connection } from '@herald/herald-cli';
import { startInOrder } from '@herald/service';
import { startSimulator } from '@herald/simulator';
import { eventually } from '@herald/testing';
import { contactOf, messageIdOf, requestOf } from '../requests';
import type { RunningHerald } from '../running-herald';

const WAITING = 200;
const CONTACTS_PER_REQUEST = 100;
const OTHERS = 20;
/** An account begins with 32 requests at once, and a few are made to try it; of what it never answered nobody knows what became. */
const UNANSWERED_MAX = 40;
const DRAINED_WITHIN_MS = 40_000;

/** What is promised while a provider is away. */
export function providerStories(herald: () => RunningHerald): void {
  describe('an account whose provider answers nothing', () => {
    const parts = startInOrder();
    let receipts: string;

    beforeAll(async () => {
      receipts = await mkdtemp(join(tmpdir(), 'herald-silent-'));
      await parts.add(async () => ({ stop: () => rm(receipts, { recursive: true, force: true }) }));
    });
    afterAll(() => parts.stop());

    /** A provider of its own, which keeps what it accepted over a restart. */
    const provider = (faults: string, port = 0) =>
      parts.add(() =>
        startSimulator({ receipts, port, faults, statusDelay: { minMs: 1, maxMs: 5 }, shares: { delivered: 1 } }),
      );
    const send = async ({ dispatch }: Connection, outboundConfigurationId: string, messages: number) => {
      const contacts = Array.from({ length: messages }, (_, index) =>
        contactOf({ toContactId: `+1425559${String(index).padStart(4, '0')}` }),
      );
      const ids: string[] = [];
      while (ids.length < messages) {
        const part = contacts.slice(ids.length, ids.length + CONTACTS_PER_REQUEST);
        const { results } = await dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, part));
        ids.push(...results.map(messageIdOf));
      }
      return ids;
    };
    const ledgerOf = ({ dispatch }: Connection) => dispatch.checkLedger({ outboundRequestId: '', flowRunId: '' });

    it('P17: holds up its own messages alone; the API answers on, and what waited is sent when it is back', async () => {
      const silent = await provider('blackhole:1');
      const all = herald().as({ org: 'silent' });
      const other = herald().as({ org: 'beside-silent' });
      const alive = await herald().organisation('silent');
      const besides = await herald().organisation('beside-silent');
      const held = await makeSampleOrganisation(all, { org: 'silent', simulatorUrl: silent.url });
      const waiting = await send(all, held.outboundConfigurationId, WAITING);
      await eventually(async () => expect((await ledgerOf(all)).counts?.sending).toBeGreaterThan(0));

      // Another account of the same organisation, and another organisation: accepted, sent, reported, and read meanwhile.
      await send(all, alive.outboundConfigurationId, OTHERS);
      await send(other, besides.outboundConfigurationId, OTHERS);
      await eventually(async () => {
        expect(await ledgerOf(other)).toMatchObject({ counts: { delivered: OTHERS } });
        expect(await ledgerOf(all)).toMatchObject({ counts: { delivered: OTHERS } });
      });

      const { port } = new URL(silent.url);
      await silent.stop();
      const back = await provider('none', Number(port));
      await eventually(async () => {
        const { counts } = await ledgerOf(all);
        expect(counts).toMatchObject({ queued: 0, sending: 0, sent: 0 });
      }, DRAINED_WITHIN_MS);
      const { counts, ...ledger } = await ledgerOf(all);
      expect(ledger).toMatchObject({ conserved: true, discrepancies: [] });
      expect((counts?.delivered ?? 0) + (counts?.unknown ?? 0)).toBe(OTHERS + WAITING);
      expect(counts?.unknown).toBeLessThanOrEqual(UNANSWERED_MAX);
      const { byMessage } = await simulatorControl(back.controlUrl).receipts();
      expect(waiting.filter((id) => (byMessage[id] ?? 0) > 1)).toEqual([]);
      expect(waiting.filter((id) => byMessage[id] === 1)).toHaveLength((counts?.delivered ?? 0) - OTHERS);
    }, 60_000);
  });
}
