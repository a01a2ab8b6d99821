import { parseDocument, stringify } from 'yaml';
import { Mom4cError } from '@mom4c/core';

/** One YAML 1.2 document of plain data. Aliases (which can blow up a few lines into gigabytes), repeated keys and
 *  custom tags are refused. @throws Mom4cError M4C_CONFIG with line and column */
export function parseYaml(text: string): unknown {
  try {
    // At the log level `silent` the parser would let a second document pass.
    const document = parseDocument(text, { prettyErrors: false, uniqueKeys: true, logLevel: 'error' });
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault) throw new Mom4cError('M4C_CONFIG', `${fault.message} at ${lineAndColumn(text, fault.pos[0])}`);
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof Mom4cError) throw error;
    throw new Mom4cError('M4C_CONFIG', 'uses aliases, or is nested too deeply', { cause: error });
  }
}

/** For people; values that appear twice are written twice. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}
