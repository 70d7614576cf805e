import type { GetDeliveryReportResponse } from '@herald/contracts/dispatch';
import { patiently } from '../../client/patiently';
import { READS_ALL_MS, timeOf, type Noun } from './verb';

const WEEK_MS = 7 * 24 * 3_600_000;
const HEADINGS = ['day', 'configuration', 'channel', 'state', 'reason', 'messages'];

/** What can be reported. */
export const REPORT: Noun = {
  noun: 'report',
  text: 'how many messages became what',
  verbs: [
    {
      verb: 'delivery',
      text: 'count contacts by configuration, channel, day, state and reason',
      options: {
        from: 'requests from this time on, such as 2026-11-24 or 2026-11-24T12:00:00Z; a week before the end if left out',
        to: 'requests before this time, at most 92 days later; now if left out',
        configuration: 'only those of a configuration',
        channel: 'only those of a channel',
      },
      run: ({ dispatch }, options) => {
        const endTime = timeOf(options.to) ?? new Date();
        const startTime = timeOf(options.from) ?? new Date(endTime.getTime() - WEEK_MS);
        const of = { outboundConfigurationId: options.configuration ?? '', channelId: options.channel ?? '' };
        return patiently(() => dispatch.getDeliveryReport({ startTime, endTime, ...of }, { deadlineMs: READS_ALL_MS }));
      },
      show: (answer) => showReport(answer as GetDeliveryReportResponse),
    },
  ],
};

/** The report as a table, with the sum of all rows beneath. */
export function showReport({ rows, counts }: GetDeliveryReportResponse): string {
  const lines = rows.map(({ day, outboundConfigurationId, channelId, state, reason, messages }) => [
    ...[day, outboundConfigurationId, channelId, state.replace('MESSAGE_STATE_', ''), reason, String(messages)],
  ]);
  const table = [HEADINGS, ...lines, ['', '', '', '', 'contacts', String(counts?.contacts ?? 0)]];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((line) => line[column]?.length ?? 0)));
  const last = HEADINGS.length - 1;
  return table
    .map((line) =>
      line
        .map((cell, column) =>
          column === last ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  '),
    )
    .join('\n');
}
