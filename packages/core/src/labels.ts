/**
 * Labels: what an operator says of a node (`site: roof`), and selectors, which choose nodes by them.
 * Both are narrowed to an alphabet that needs no quoting in a shell, in YAML or on a terminal.
 */
import * as z from 'zod';
import { Mom4cError } from './errors.ts';

export type Labels = Readonly<Record<string, string>>;

/** `site=roof` has this value; `site` has any; `site!=roof` has another, or none at all. */
export type LabelTerm =
  | { readonly key: string; readonly is: 'any' }
  | { readonly key: string; readonly is: 'equal' | 'unequal'; readonly value: string };

const KEY = '[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?';
const VALUE = '[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?';
const TERM = new RegExp(`^(${KEY})(?:(!?=)(${VALUE}))?$`);
const MAX_LABELS = 16;
/** Of one selector. */
export const MAX_LABEL_TERMS = 16;

const key = z
  .string()
  .regex(new RegExp(`^${KEY}$`), 'a key has 1 to 32 of a-z 0-9 . _ -, a letter or digit at both ends');
const value = z
  .string('a value is text; put it in quotes')
  .regex(
    new RegExp(`^${VALUE}$`),
    'a value has 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit at both ends',
  );

export const labelsSchema = z
  .record(key, value)
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`);

/** A term of a selector in the form in which people write it and in which it is signed. */
export const labelTermSchema = z.string().regex(TERM, 'not key=value, key or key!=value');

/** @throws Mom4cError M4C_BAD_ARGUMENTS */
export function parseLabelTerm(text: string): LabelTerm {
  const [, name, operator, wanted] = TERM.exec(text) ?? [];
  if (name === undefined)
    throw new Mom4cError(
      'M4C_BAD_ARGUMENTS',
      `not key=value, key or key!=value: ${JSON.stringify(text.slice(0, 80))}`,
    );
  if (wanted === undefined) return { key: name, is: 'any' };
  return { key: name, is: operator === '=' ? 'equal' : 'unequal', value: wanted };
}

/** Do all terms hold? */
export function labelsMatch(labels: Labels, terms: readonly LabelTerm[]): boolean {
  return terms.every((term) => {
    const has = Object.hasOwn(labels, term.key) ? labels[term.key] : undefined;
    if (term.is === 'any') return has !== undefined;
    return (has === term.value) === (term.is === 'equal');
  });
}

/** `floor=3,site=roof`, sorted by key. */
export function formatLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, text]) => `${name}=${text}`)
    .sort()
    .join(',');
}
