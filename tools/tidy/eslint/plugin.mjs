/**
 * The lint rules this repository needs and no package offers. They are plain JavaScript modules because ESLint loads
 * its configuration without a TypeScript loader.
 */
import { describedDisable } from './described-disable.mjs';
import { domainImports } from './domain-imports.mjs';
import { sqlText } from './sql-text.mjs';

export const herald = {
  meta: { name: 'herald' },
  rules: { 'described-disable': describedDisable, 'domain-imports': domainImports, 'sql-text': sqlText },
};
