import { readFileSync } from 'node:fs';
import { Mom4cError } from '@mom4c/core';

const TEMPLATES = new URL('../templates/', import.meta.url);
const PLACE = /\$\{([A-Z][A-Z_]*)\}/g;
/** What could end a quoted string, a word or a line in one of the configuration languages. */
const UNSAFE = /["'\\\s\0#$%{}]/;

/** A value that was made for its place in the template and is not checked further. */
export type Prepared = { readonly text: string };

/** Fills each `${NAME}` of a file in templates/. @throws Mom4cError M4C_LAB for a missing or unsafe value */
export function fillTemplate(
  file: string,
  values: Readonly<Record<string, string | number | Prepared>>,
): string {
  return readFileSync(new URL(file, TEMPLATES), 'utf8').replace(PLACE, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Mom4cError('M4C_LAB', `${file} needs a value for ${name}`);
    if (typeof value === 'object') return value.text;
    const text = String(value);
    if (text === '' || UNSAFE.test(text))
      throw new Mom4cError('M4C_LAB', `${JSON.stringify(text.slice(0, 80))} cannot stand in ${file}`);
    return text;
  });
}
