import { ESLint } from 'eslint';

/** A text and the place in the repository it pretends to stand at. */
export interface PretendedFile {
  filePath: string;
  text: string;
}

/** Rules that need types only work on files that exist; the fences need none, and so may be tried anywhere. */
const FENCES = /^(@nx|herald|import-x)\/|^no-restricted-|^@typescript-eslint\/no-restricted-imports$|^no-console$/;
const WITHOUT_TYPES = { languageOptions: { parserOptions: { projectService: false } } };

/** The names of the rules each text offends, in the order of the texts. */
async function lintTexts(files: readonly PretendedFile[], options: { withTypes: boolean }): Promise<string[][]> {
  const eslint = new ESLint(
    options.withTypes ? {} : { overrideConfig: WITHOUT_TYPES, ruleFilter: ({ ruleId }) => FENCES.test(ruleId) },
  );
  const offended: string[][] = [];
  for (const { filePath, text } of files) {
    const results = await eslint.lintText(text, { filePath });
    offended.push(results.flatMap(({ messages }) => messages.map(({ ruleId, message }) => ruleId ?? message)));
  }
  return offended;
}

/** Jest's module sandbox cannot load ESLint's configuration quickly, so the spec runs this file as a program. */
async function answerOnStdout(): Promise<void> {
  const [mode = '', request = '[]'] = process.argv.slice(2);
  const files = JSON.parse(request) as PretendedFile[];
  process.stdout.write(JSON.stringify(await lintTexts(files, { withTypes: mode === 'with-types' })));
}

void answerOnStdout();
