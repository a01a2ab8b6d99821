/** `npm run docs`: writes the pages of docs/ that are made from records. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cliPage } from './cli-page.ts';
import { commandsPage } from './commands-page.ts';
import { configPage } from './config-page.ts';
import { errorsPage } from './errors-page.ts';
import { observabilityPage } from './observability-page.ts';

export const root = join(import.meta.dirname, '../..');

/** Path below the root → text. */
export function documents(): ReadonlyMap<string, string> {
  return new Map([
    ['docs/commands.md', commandsPage()],
    ['docs/cli.md', cliPage()],
    ['docs/errors.md', errorsPage()],
    ['docs/config.md', configPage()],
    ['docs/observability.md', observabilityPage()],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of documents()) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    console.log(path);
  }
}
