import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { Mom4cError } from '@mom4c/core';

/** Seventy files, of no use to an agent or a short command. */
const loadLibrary = (): typeof Yaml => createRequire(import.meta.url)('yaml');

/** One YAML 1.2 document of plain data. Aliases (which can blow up a few lines into gigabytes), repeated keys and
 *  custom tags are refused. @throws Mom4cError M4C_CONFIG with line and column */
export function parseYaml(text: string): unknown {
  try {
    // At the log level `silent` the parser would let a second document pass.
    const document = loadLibrary().parseDocument(text, {
      prettyErrors: false,
      uniqueKeys: true,
      logLevel: 'error',
    });
    const fault = document.errors[0] ?? document.warnings[0];
    if (fault) throw new Mom4cError('M4C_CONFIG', `${fault.message} at ${lineAndColumn(text, fault.pos[0])}`);
    return document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    if (error instanceof Mom4cError) throw error;
    throw new Mom4cError('M4C_CONFIG', 'uses aliases, or is nested too deeply', { cause: error });
  }
}

/**
 * For people and for programs: whatever the strings are, it is one document that means the same to every parser of YAML
 * 1.1 or 1.2, and nothing in it steers a terminal. Values that appear twice are written twice.
 */
export function toYaml(value: unknown): string {
  const { Document, visit } = loadLibrary();
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string') node.type = isPlain(node.value) ? 'PLAIN' : 'QUOTE_DOUBLE';
    },
  });
  // What is not plain is in double quotes, on one line, where every character can be escaped.
  return document
    .toString({ lineWidth: 0, doubleQuotedAsJSON: true })
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, (hostile) =>
      hostile === '\n' ? hostile : escaped(hostile),
    );
}

const PLAIN = /^[A-Za-z][A-Za-z0-9._/-]*$/;
/** Words that YAML 1.1 takes for a truth value or for nothing, 1.2 not; `.inf` and the like begin with no letter. */
const RESERVED = /^(?:y|yes|n|no|on|off|true|false|null)$/i;

function isPlain(text: string): boolean {
  return PLAIN.test(text) && !RESERVED.test(text);
}

/** Beyond the basic plane with eight digits: half of a pair is no character of YAML. */
function escaped(character: string): string {
  const point = character.codePointAt(0)!.toString(16);
  return point.length <= 4 ? `\\u${point.padStart(4, '0')}` : `\\U${point.padStart(8, '0')}`;
}

function lineAndColumn(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}
