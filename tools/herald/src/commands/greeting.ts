import { HOME_DEFAULT } from '../system/home';
import type { SystemFile } from '../system/system-file';

/** What a system was started with. */
export interface Started {
  home: string;
  file: SystemFile;
  org: string;
  outboundConfigurationId: string;
}

/** What `start` says when all of it runs: where its doors are, and lines that send as they stand, in any terminal. */
export function greeting({ home, file, org, outboundConfigurationId }: Started): string {
  const row = (name: string, url: string) => `  ${name.padEnd(14)} ${url}`;
  const there = home === HOME_DEFAULT ? '' : ` --home ${quoted(home)}`;
  return [
    'Herald runs. gRPC:',
    ...Object.entries(file.services).map(([service, url]) => row(service, url)),
    row('webhooks', file.publicUrl),
    ...(file.simulator === undefined ? [] : [row('simulator', file.simulator.url)]),
    ...(file.tls === undefined ? [] : [row('they speak TLS', `and want of callers ${file.tls.certFile ?? ''}`)]),
    `The organisation "${org}" has the configuration ${outboundConfigurationId}. In another terminal:`,
    '  npm run -s herald -- sample contacts --count 20 > contacts.csv',
    `  npm run -s herald -- send${there} --configuration ${outboundConfigurationId} --contacts contacts.csv --wait`,
    'Ctrl-C stops it.',
  ].join('\n');
}

/** As a shell reads it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
