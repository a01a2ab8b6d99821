/**
 * Data forms (XEP-0004): one to fill in, a table of results, and what came back. What is written is made safe for XML
 * and for whoever shows it; what is read is bounded and taken literally.
 */
import { Mom4cError, printable } from '@mom4c/core';
import { textOf, xml, type Element } from './element.ts';

export const NS_DATA = 'jabber:x:data';

export type FormField = {
  /** Its name on the wire. */
  readonly name: string;
  readonly type: 'boolean' | 'list-multi' | 'list-single' | 'text-multi' | 'text-single';
  readonly label: string;
  readonly description?: string | undefined;
  readonly required: boolean;
  /** Filled in already. */
  readonly values: readonly string[];
  /** What may be chosen, of a list. */
  readonly options?: readonly string[];
};

export type Form = {
  readonly title: string;
  readonly instructions: string;
  readonly fields: readonly FormField[];
};

export type ResultTable = {
  readonly title: string;
  readonly columns: readonly { readonly name: string; readonly label: string }[];
  readonly rows: readonly (readonly string[])[];
};

/** By name of the field; a field that was left empty has no values. */
export type Submission =
  | { readonly type: 'submit'; readonly values: ReadonlyMap<string, readonly string[]> }
  | { readonly type: 'cancel' };

const MAX_FIELDS = 64;
const MAX_VALUES = 1_000;
/** Characters. */
const MAX_VALUE = 4_096;
const MAX_NAME = 64;

export function formElement({ title, instructions, fields }: Form): Element {
  return xml(
    'x',
    { xmlns: NS_DATA, type: 'form' },
    xml('title', {}, printable(title)),
    xml('instructions', {}, printable(instructions)),
    ...fields.map(fieldElement),
  );
}

function fieldElement({
  name,
  type,
  label,
  description,
  required,
  values,
  options = [],
}: FormField): Element {
  return xml(
    'field',
    { var: name, type, label: printable(label) },
    description === undefined ? undefined : xml('desc', {}, printable(description)),
    required ? xml('required') : undefined,
    ...values.map(valueElement),
    ...options.map((option) => xml('option', { label: printable(option) }, valueElement(option))),
  );
}

/** §3.4 */
export function resultElement({ title, columns, rows }: ResultTable): Element {
  const reported = columns.map(({ name, label }) =>
    xml('field', { var: name, type: 'text-single', label: printable(label) }),
  );
  return xml(
    'x',
    { xmlns: NS_DATA, type: 'result' },
    xml('title', {}, printable(title)),
    xml('reported', {}, ...reported),
    ...rows.map((row) =>
      xml(
        'item',
        {},
        ...columns.map(({ name }, index) => xml('field', { var: name }, valueElement(row[index] ?? ''))),
      ),
    ),
  );
}

function valueElement(text: string): Element {
  return xml('value', {}, printable(text));
}

/** @param form `<x xmlns='jabber:x:data'/>` @throws Mom4cError M4C_MALFORMED, M4C_TOO_LARGE */
export function readSubmission(form: Element): Submission {
  if (form.attrs.type === 'cancel') return { type: 'cancel' };
  if (form.attrs.type !== 'submit') throw new Mom4cError('M4C_MALFORMED', 'the form is not of type submit');
  const fields = form.getChildren('field', NS_DATA);
  if (fields.length > MAX_FIELDS) throw new Mom4cError('M4C_TOO_LARGE', `at most ${MAX_FIELDS} fields`);
  const values = new Map<string, readonly string[]>();
  for (const field of fields) {
    const name = field.attrs.var;
    // §3.3: text that was only shown has no name.
    if (name === undefined) continue;
    if (name === '' || name.length > MAX_NAME) throw new Mom4cError('M4C_MALFORMED', 'the name of a field');
    if (values.has(name))
      throw new Mom4cError('M4C_MALFORMED', `the field ${printable(name)} stands there twice`);
    values.set(name, valuesOf(field));
  }
  return { type: 'submit', values };
}

function valuesOf(field: Element): string[] {
  const values = field.getChildren('value', NS_DATA).map((value) => textOf(value));
  if (values.length > MAX_VALUES || values.some((value) => value.length > MAX_VALUE))
    throw new Mom4cError(
      'M4C_TOO_LARGE',
      `at most ${MAX_VALUES} values of ${MAX_VALUE} characters in a field`,
    );
  return values;
}
