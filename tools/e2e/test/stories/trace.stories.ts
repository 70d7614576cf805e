import { trace } from '@opentelemetry/api';
import { ListAuditEntriesRequest } from '@herald/contracts/audit';
import type { ServiceName } from '@herald/grpc';
import { eventually } from '@herald/testing';
import { contactOf, requestOf } from '../requests';
import type { RunningHerald } from '../running-herald';
import type { Span } from '../spans';

const SEND = 'herald.dispatch.v1.DispatchService/SendOutboundMessages';
const RESOLVE = 'herald.configuration.v1.ConfigurationService/ResolveConfiguration';
const TEXTS = 'herald.template.v1.TemplateService/GetTemplateVersion';

/** Where spans are found, and the service.name of the process that runs a service, or the caller. */
export interface Traced {
  spans(): Span[];
  nameOf(who: ServiceName | 'caller'): string;
}

/** What a trace shows of a request's way. */
export function traceStories(herald: () => RunningHerald, { spans, nameOf }: Traced): void {
  describe('a trace', () => {
    const inTrace = (traceId: string) => spans().filter((span) => span.traceId === traceId);

    /** The titles of a span and of all above it, the topmost first; a parent that is not there yet counts as none. */
    const lineTo = (last: Span | undefined, among: readonly Span[]): string[] => {
      const line: string[] = [];
      const byId = new Map(among.map((span) => [span.id, span]));
      for (let span = last; span !== undefined; span = byId.get(span.parentId ?? '')) line.unshift(span.title);
      return line;
    };

    const sendTraced = async (org: string): Promise<string> => {
      const { outboundConfigurationId } = await herald().organisation(org);
      const all = herald().as({ org });
      return trace.getTracer('spec').startActiveSpan('a caller', async (span) => {
        await all.dispatch.sendOutboundMessages(requestOf(outboundConfigurationId, [contactOf()]));
        span.end();
        return span.spanContext().traceId;
      });
    };

    const [caller, dispatch, gateway] = [nameOf('caller'), nameOf('dispatch'), nameOf('gateway')];
    const call = [`INTERNAL ${caller} a caller`, `CLIENT ${caller} ${SEND}`, `SERVER ${dispatch} ${SEND}`];

    it('goes from the call to the services that are asked, and through outbox and bus to the provider', async () => {
      const traceId = await sendTraced('traced-on-its-way');
      const lines = [
        [...call, `CLIENT ${dispatch} ${RESOLVE}`, `SERVER ${nameOf('configuration')} ${RESOLVE}`],
        [...call, `CLIENT ${dispatch} ${TEXTS}`, `SERVER ${nameOf('template')} ${TEXTS}`],
        [
          ...[...call, `PRODUCER ${dispatch} herald.dispatch.v1 publish`],
          ...[`CONSUMER ${dispatch} dispatch send`, `CLIENT ${dispatch} provider send`],
        ],
      ];
      await eventually(() => {
        const found = inTrace(traceId);
        const ends = lines.map((line) => found.find(({ title }) => title === line.at(-1)));
        expect(ends.map((end) => lineTo(end, found))).toEqual(lines);
      });
      const operator = herald().as({ org: 'traced-on-its-way', scopes: ['operator'] });
      const { entries } = await operator.audit.dispatch.listAuditEntries(ListAuditEntriesRequest.fromPartial({}));
      expect(entries.map((entry) => entry.traceId)).toEqual([traceId]);
    });

    it('is linked to by what settles the report of the provider, which the gateway took', async () => {
      const traceId = await sendTraced('traced-back');
      await eventually(() => {
        const settled = spans().filter(({ links }) => links.includes(traceId));
        const lines = settled.map((span) => lineTo(span, inTrace(span.traceId)));
        expect(lines.length).toBeGreaterThan(0);
        const line = [`SERVER ${gateway} webhook status`, `CONSUMER ${dispatch} dispatch settle callbacks`];
        for (const found of lines) expect(found).toEqual(line);
      });
    });

    it('P22: carries no address, text or secret', () => {
      const told = spans().map((span) => span.told);
      expect(told.length).toBeGreaterThan(100);
      for (const secret of ['4255550123', 'Hello Ana', '0123456789abcdef0123456789abcdef'])
        expect(told.filter((text) => text.includes(secret))).toEqual([]);
    });
  });
}
