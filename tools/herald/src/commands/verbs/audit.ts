import type { AuditEntry, AuditHead, CheckAuditLogResponse } from '@herald/contracts/audit';
import { ConfigurationServiceService } from '@herald/contracts/configuration';
import { DispatchServiceService } from '@herald/contracts/dispatch';
import { TemplateServiceService } from '@herald/contracts/template';
import { AdviceError } from '../../advice-error';
import { AUDITED_SERVICES, type AuditedService, type Connection } from '../../client/connect';
import { patiently } from '../../client/patiently';
import { choiceOf, fileText, numberOf, READS_ALL_MS, timeOf, type Noun, type Options } from './verb';

const LIMIT_DEFAULT = 50;
const PAGE_SIZE_MAX = 200;
const DEFINITIONS = {
  template: TemplateServiceService,
  configuration: ConfigurationServiceService,
  dispatch: DispatchServiceService,
};
const SERVICE = { service: 'only the log of template, configuration or dispatch' };

/** What can be asked about the audit logs; each service keeps one. */
export const AUDIT: Noun = {
  noun: 'audit',
  text: 'who changed what, and whether the log of it is whole',
  scope: 'operator',
  verbs: [
    {
      verb: 'list',
      text: 'list what was changed, newest first, of all services in one list',
      options: {
        ...SERVICE,
        rpc: 'only calls of this RPC, such as PublishTemplate',
        subject: 'only changes of what has this id',
        from: 'only from this time on, such as 2026-11-24T12:00:00Z',
        to: 'only before this time',
        limit: `how many at most; ${LIMIT_DEFAULT} if left out`,
      },
      run: async ({ audit }, options) => {
        const limit = numberOf(options.limit) || LIMIT_DEFAULT;
        const filter = filterOf(options);
        const lists = logsOf(options).map(({ service, rpc }) => newest(audit[service], { ...filter, rpc }, limit));
        return { entries: (await Promise.all(lists)).flat().sort(byTime).slice(0, limit) };
      },
    },
    {
      verb: 'check',
      text: 'prove that no entry was changed, added or taken away',
      options: {
        ...SERVICE,
        expected: 'a file with the answer of an earlier check, by --json: its heads must still be there',
      },
      run: async ({ audit }, options) => {
        const expected = await headsOf(options.expected);
        const checks: Partial<Record<AuditedService, CheckAuditLogResponse>> = {};
        for (const { service } of logsOf(options)) {
          checks[service] = await patiently(() =>
            audit[service].checkAuditLog({ expectedHead: expected[service] }, { deadlineMs: READS_ALL_MS }),
          );
        }
        return { intact: Object.values(checks).every(({ intact }) => intact), ...checks };
      },
    },
  ],
};

type Filter = { rpc: string; subjectId: string; startTime: Date | undefined; endTime: Date | undefined };

/** The newest entries of one log, page by page. */
async function newest(log: Connection['audit'][AuditedService], filter: Filter, limit: number): Promise<AuditEntry[]> {
  const entries: AuditEntry[] = [];
  let pageToken = '';
  do {
    const pageSize = Math.min(PAGE_SIZE_MAX, limit - entries.length);
    const page = await log.listAuditEntries({ ...filter, pageSize, pageToken });
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
  } while (pageToken !== '' && entries.length < limit);
  return entries;
}

/** The newest first. Entries of one log and one millisecond stay as they came, which is by their number. */
function byTime(a: AuditEntry, b: AuditEntry): number {
  return (b.time?.getTime() ?? 0) - (a.time?.getTime() ?? 0);
}

/** The logs that are asked, and the full name that an RPC has there; where one is named, the logs of who has it. */
function logsOf(options: Options): { service: AuditedService; rpc: string }[] {
  const only = choiceOf(options.service, AUDITED_SERVICES);
  const services = only === undefined ? AUDITED_SERVICES : [only];
  const name = options.rpc;
  if (name === undefined) return services.map((service) => ({ service, rpc: '' }));
  const logs = services.flatMap((service) => {
    const paths = Object.values<{ path: string }>(DEFINITIONS[service]).map(({ path }) => path.slice(1));
    const rpc = paths.find((path) => path === name || path.endsWith(`/${name}`));
    return rpc === undefined ? [] : [{ service, rpc }];
  });
  if (logs.length > 0) return logs;
  throw new AdviceError(`"${name.slice(0, 40)}" is no RPC of ${services.join(', ')}. Write it as PublishTemplate.`);
}

function filterOf(options: Options): Omit<Filter, 'rpc'> {
  return { subjectId: options.subject ?? '', startTime: timeOf(options.from), endTime: timeOf(options.to) };
}

/** The heads in the answer of an earlier check. */
async function headsOf(file: string | undefined): Promise<Partial<Record<AuditedService, AuditHead>>> {
  if (file === undefined) return {};
  const text = await fileText(file);
  try {
    const answer = JSON.parse(text) as Partial<Record<AuditedService, { head: AuditHead }>>;
    const heads = AUDITED_SERVICES.flatMap((service) =>
      answer[service] ? [[service, answer[service].head] as const] : [],
    );
    if (heads.length > 0) return Object.fromEntries(heads);
  } catch {
    // It is said below what the file must be.
  }
  throw new AdviceError(`${file} holds no answer of "herald audit check --json".`);
}
