/** The form of a command, from its record, and what was filled in as a request. */
import { MAX_LABEL_TERMS, Mom4cError, isNodeName, parseDuration, parseLabelTerm } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import type { Request } from '@mom4c/member';
import type { Form, FormField } from '@mom4c/xmpp';
import * as z from 'zod';

/** What a person asks; who asks comes from elsewhere. */
export type Asked = Pick<Request, 'args' | 'targets' | 'labels' | 'timeout'>;

/** Beside the arguments of the command, whose names must differ. */
const TARGETS = 'targets';
const LABELS = 'labels';
const TIMEOUT = 'timeout';
const DEFAULT_TIMEOUT = '10s';
const MIN_TIMEOUT_MS = 1_000;
/** Stock clients give up on a request after about half a minute. */
const MAX_TIMEOUT_MS = 20_000;

/** @returns undefined where there is nothing to fill in */
export function formOf(command: Command): Form | undefined {
  const fields = fieldsOf(command);
  if (fields.length === 0) return undefined;
  const { name, summary, description } = command;
  return { title: name, instructions: description ? `${summary} ${description}` : summary, fields };
}

/** @param values by name of the field @throws Mom4cError M4C_BAD_ARGUMENTS */
export function askedIn(command: Command, values: ReadonlyMap<string, readonly string[]>): Asked {
  const fields = fieldsOf(command);
  for (const name of values.keys())
    if (name !== 'FORM_TYPE' && !fields.some((field) => field.name === name))
      throw new Mom4cError('M4C_BAD_ARGUMENTS', `${command.name} has no field ${JSON.stringify(name)}`);
  const args: Record<string, unknown> = {};
  for (const { name, read } of argumentsOf(command)) {
    // An empty field is one that was left out: clients send all that they were shown.
    const given = (values.get(name) ?? []).filter((value) => value !== '');
    if (given.length > 0) args[name] = read(given);
  }
  return {
    args,
    targets: command.runsOn === 'te' ? targetsIn(values.get(TARGETS) ?? []) : undefined,
    labels: labelsIn(values.get(LABELS) ?? []),
    timeout: timeoutIn(values.get(TIMEOUT) ?? []),
  };
}

function fieldsOf(command: Command): FormField[] {
  const own = argumentsOf(command).map(({ field }) => field);
  if (command.runsOn === 'cm') return own;
  return [
    ...own,
    {
      name: TARGETS,
      type: 'text-multi',
      label: 'Task executors',
      description: 'Names, one in each line; left empty: all of the domain.',
      required: false,
      values: [],
    },
    {
      name: LABELS,
      type: 'text-multi',
      label: 'With these labels',
      description: 'Of these only those with all labels: key=value, key, or key!=value, one in each line.',
      required: false,
      values: [],
    },
    {
      name: TIMEOUT,
      type: 'text-single',
      label: 'How long they have',
      description: 'A duration from 1s to 20s.',
      required: false,
      values: [DEFAULT_TIMEOUT],
    },
  ];
}

type Argument = {
  readonly name: string;
  readonly field: FormField;
  /** @param given at least one value @throws Mom4cError M4C_BAD_ARGUMENTS */
  readonly read: (given: readonly string[]) => unknown;
};

type Node = z.core.JSONSchema.BaseSchema;

/** In the order of the schema. What a field cannot say is refused here, at the start, and not when somebody asks. */
function argumentsOf(command: Command): Argument[] {
  const schema: Node = z.toJSONSchema(command.args as z.ZodType, { io: 'input', unrepresentable: 'any' });
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const node = property as Node;
    const { type, options, read } = kindOf(command, name, node);
    const values = node.default === undefined ? [] : [node.default].flat().map(String);
    const base = { name, type, label: name, description: node.description, values };
    const required = (schema.required ?? []).includes(name);
    return { name, field: { ...base, required, ...(options && { options }) }, read };
  });
}

type Kind = Pick<FormField, 'type' | 'options'> & Pick<Argument, 'read'>;

function kindOf(command: Command, name: string, node: Node): Kind {
  const wrong = (what: string) => new Mom4cError('M4C_BAD_ARGUMENTS', `${name}: not ${what}`);
  const only = (given: readonly string[]): string => {
    if (given.length > 1) throw wrong('one value');
    return given[0]!;
  };
  const options = node.enum?.map(String);
  if (node.type === 'string')
    return options ? { type: 'list-single', options, read: only } : { type: 'text-single', read: only };
  if (node.type === 'boolean') {
    const read = (given: readonly string[]): boolean => {
      const value = only(given);
      // XEP-0004 §3.3, XML Schema's boolean.
      if (!['0', '1', 'false', 'true'].includes(value)) throw wrong('a boolean');
      return value === '1' || value === 'true';
    };
    return { type: 'boolean', read };
  }
  if (node.type === 'number' || node.type === 'integer') {
    const read = (given: readonly string[]): number => {
      const value = only(given);
      if (!/^-?\d{1,15}(\.\d{1,15})?$/.test(value)) throw wrong('a number');
      return Number(value);
    };
    return { type: 'text-single', read };
  }
  const items = node.type === 'array' ? (node.items as Node | undefined) : undefined;
  if (items?.type === 'string') {
    const read = (given: readonly string[]): string[] => [...given];
    const choices = items.enum?.map(String);
    return choices ? { type: 'list-multi', options: choices, read } : { type: 'text-multi', read };
  }
  throw new Error(`${command.name}.${name}: no form has a field for this; see command-form.ts`);
}

function targetsIn(values: readonly string[]): string[] | undefined {
  const names = values.flatMap((value) => value.split(/[\s,]+/)).filter((name) => name !== '');
  const wrong = names.find((name) => !isNodeName(name));
  if (wrong !== undefined)
    throw new Mom4cError(
      'M4C_BAD_ARGUMENTS',
      `targets: not the name of a node: ${JSON.stringify(wrong.slice(0, 80))}`,
    );
  return names.length === 0 ? undefined : [...new Set(names)];
}

function labelsIn(values: readonly string[]): string[] | undefined {
  const terms = values.flatMap((value) => value.split(/[\s,]+/)).filter((term) => term !== '');
  terms.forEach(parseLabelTerm);
  if (terms.length > MAX_LABEL_TERMS)
    throw new Mom4cError('M4C_BAD_ARGUMENTS', `labels: at most ${MAX_LABEL_TERMS}`);
  return terms.length === 0 ? undefined : terms;
}

function timeoutIn(values: readonly string[]): number {
  const [text = '', ...more] = values;
  const ms = parseDuration(text.trim() || DEFAULT_TIMEOUT);
  if (more.length > 0 || ms < MIN_TIMEOUT_MS || ms > MAX_TIMEOUT_MS)
    throw new Mom4cError('M4C_BAD_ARGUMENTS', 'timeout: a duration from 1s to 20s');
  return ms;
}
