import type {
  MessageState,
  DeliveryReportRow,
  GetDeliveryReportRequest,
  GetDeliveryReportResponse,
} from '@herald/contracts/dispatch';
import { invalidFields, type FieldViolation } from '@herald/errors';
import { giveTime, type Database } from '@herald/postgres';
import { validate as isUuid } from 'uuid';
import { sumCounts } from '../ledger-counts';
import { readReport, REPORT_ROWS_MAX, type ReportRow, type ReportScope } from './report-store';

const DAY_MS = 24 * 3_600_000;
/** A quarter of a year, whichever its months are. */
const REPORT_DAYS_MAX = 92;

/**
 * Counts the contacts of the requests that were created in a time, by configuration, channel, day, state and reason, in
 * one statement and so at one moment. Throws INVALID_FIELD with all that is wrong with the request, or where the report
 * would be too long. `statementMs` is how long it may take.
 */
export async function getDeliveryReport(
  database: Database,
  { org, statementMs }: { org: string; statementMs: number },
  request: GetDeliveryReportRequest,
): Promise<GetDeliveryReportResponse> {
  const scope = readScope(request);
  const rows = await database.read(org, async (tx) => {
    await giveTime(tx, statementMs);
    return readReport(tx, org, scope);
  });
  if (rows.length > REPORT_ROWS_MAX) throw tooLong();
  return { rows: rows.map(writeRow), counts: countsOf(rows) };
}

function readScope(request: GetDeliveryReportRequest): ReportScope {
  const { startTime, endTime, outboundConfigurationId, channelId } = request;
  const violations = [
    ...timeViolations(startTime, endTime),
    ...idViolations('outbound_configuration_id', outboundConfigurationId),
    ...idViolations('channel_id', channelId),
  ];
  if (violations.length > 0 || !startTime || !endTime) throw invalidFields(violations);
  return {
    start: startTime,
    end: endTime,
    configurationId: outboundConfigurationId || null,
    channelId: channelId || null,
  };
}

function timeViolations(start: Date | undefined, end: Date | undefined): FieldViolation[] {
  const given = { start_time: start, end_time: end };
  const violations = Object.entries(given).flatMap(([field, time]): FieldViolation[] => {
    if (!time) return [{ field, description: 'must be given', reason: 'FIELD_REQUIRED' }];
    // Beyond what a Date holds, or what the database does: no request was created then.
    if (time.getTime() >= 0 && time.getTime() <= TIME_MS_MAX) return [];
    return [{ field, description: 'must lie between the years 1970 and 9999', reason: 'FIELD_OUT_OF_RANGE' }];
  });
  if (violations.length > 0 || !start || !end) return violations;
  const reason = 'FIELD_OUT_OF_RANGE';
  if (end <= start) return [{ field: 'end_time', description: 'must be after start_time', reason }];
  if (end.getTime() - start.getTime() <= REPORT_DAYS_MAX * DAY_MS) return [];
  return [{ field: 'end_time', description: `must be at most ${REPORT_DAYS_MAX} days after start_time`, reason }];
}

const TIME_MS_MAX = Date.UTC(9999, 11, 31);

function idViolations(field: string, id: string): FieldViolation[] {
  if (id === '' || isUuid(id)) return [];
  return [{ field, description: 'must be a UUID, or empty for all', reason: 'FIELD_MALFORMED' }];
}

function tooLong() {
  const description = `the report has more than ${REPORT_ROWS_MAX} rows. Ask for less time, or for one configuration or channel`;
  return invalidFields([{ field: 'end_time', description, reason: 'FIELD_OUT_OF_RANGE' }]);
}

function writeRow({ configurationId, channelId, day, state, reason, messages }: ReportRow): DeliveryReportRow {
  return {
    ...{ outboundConfigurationId: configurationId, channelId, day, reason, messages },
    state: `MESSAGE_STATE_${state}` as MessageState,
  };
}

function countsOf(rows: readonly ReportRow[]) {
  const contacts = rows.reduce((sum, { messages }) => sum + messages, 0);
  const refused: Record<string, number> = {};
  for (const { state, reason, messages } of rows) {
    if (state === 'REFUSED') refused[reason] = (refused[reason] ?? 0) + messages;
  }
  const states = rows.filter(({ state }) => state !== 'REFUSED');
  return sumCounts(
    contacts,
    refused,
    states.map((row) => ({ ...row, reason: row.reason === '' ? null : row.reason })),
  );
}
