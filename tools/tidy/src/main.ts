import { resolve } from 'node:path';
import { describeFinding } from './finding';
import { repositoryFiles } from './repository-files';
import { tidy } from './tidy';

const files = repositoryFiles(resolve(__dirname, '../../..'));
const findings = tidy(files);
for (const finding of findings) console.error(describeFinding(finding));
console.log(`tidy: ${findings.length} findings in ${files.length} files`);
process.exitCode = findings.length === 0 ? 0 : 1;
