/** What may stand at the end of a command line: from the program itself, so that it cannot drift from it. */
import type { Argument, Command as Verb, Option } from 'commander';
import { COMMANDS } from '@mom4c/commands';
import { ERRORS } from '@mom4c/core';
import type { Known } from './known.ts';

export type Candidate = { value: string; about: string };

export type Completion = {
  candidates: Candidate[];
  /** The shell is to complete names of files. */
  files?: true;
  /** The word may go on. */
  open?: true;
};

/** @param words after `mom4c`; the last one is being written and may be empty */
export function complete(program: Verb, words: readonly string[], known: Known): Completion {
  const current = words.at(-1) ?? '';
  const { verb, waiting, position } = walk(program, words.slice(0, -1));
  const fits = ({ value }: Candidate): boolean => value.startsWith(current);
  if (waiting) return valuesOf(waiting, current, known);
  const [name, value] = splitOnce(current, '=');
  const option = value === undefined ? undefined : optionNamed(verb, name);
  if (option) {
    const { candidates, ...rest } = valuesOf(option, value!, known);
    return { ...rest, candidates: candidates.map((one) => ({ ...one, value: `${name}=${one.value}` })) };
  }
  if (current.startsWith('-')) return { candidates: optionsOf(verb).flatMap(flagsOf).filter(fits) };
  const verbs = verb.createHelp().visibleCommands(verb);
  if (verbs.length > 0)
    return { candidates: verbs.map((one) => ({ value: one.name(), about: summaryOf(one) })).filter(fits) };
  const argument = verb.registeredArguments[position];
  return argument ? argumentValues(argument, current, known) : { candidates: [] };
}

type Place = {
  verb: Verb;
  /** The option whose value is being written. */
  waiting: Option | undefined;
  /** How many arguments of the verb are there already. */
  position: number;
};

function walk(program: Verb, words: readonly string[]): Place {
  const place: Place = { verb: program, waiting: undefined, position: 0 };
  for (const word of words) {
    if (place.waiting) place.waiting = undefined;
    else if (word.startsWith('-')) {
      const option = word.includes('=') ? undefined : optionNamed(place.verb, word);
      if (option?.required) place.waiting = option;
    } else {
      const verb = place.verb.commands.find((one) => one.name() === word);
      if (verb) place.verb = verb;
      else if (!(place.verb === program && word === 'help')) place.position += 1;
    }
  }
  return place;
}

/** Groups whose `list` may be left out. */
const LISTED = COMMANDS.flatMap(({ verb }) => (verb?.endsWith(' list') ? verb.split(' ').slice(0, 1) : []));

/** Of the verb, or of the one that it stands for, and of all above it. */
function optionsOf(verb: Verb): Option[] {
  const meant = LISTED.includes(verb.name()) ? verb.commands.find((one) => one.name() === 'list') : undefined;
  const own = (meant ?? verb).createHelp().visibleOptions(meant ?? verb);
  const above = verb.parent
    ? optionsOf(verb.parent).filter(({ long }) => own.every((one) => one.long !== long))
    : [];
  return [...own, ...above];
}

function optionNamed(verb: Verb, flag: string): Option | undefined {
  return optionsOf(verb).find(({ long, short }) => long === flag || short === flag);
}

function flagsOf({ long, description }: Option): Candidate[] {
  return long ? [{ value: long, about: description }] : [];
}

function valuesOf(option: Option, current: string, known: Known): Completion {
  if (option.argChoices) return listed(option.argChoices, current);
  switch (option.attributeName()) {
    case 'target':
      return nodeList(current, known);
    case 'label':
      return labelTerms(current, known);
    case 'state':
      return { candidates: [], files: true };
    default:
      return { candidates: [] };
  }
}

function argumentValues(argument: Argument, current: string, known: Known): Completion {
  if (argument.argChoices) return listed(argument.argChoices, current);
  if (argument.name() === 'file') return { candidates: [], files: true };
  if (argument.name() === 'code') return listed(Object.keys(ERRORS), current);
  if (argument.name() === 'node') return listed(Object.keys(known.nodes), current);
  if (argument.name() === 'domain') return listed(known.partners, current);
  return argument.name() === 'sensor' ? listed(known.sensors, current) : { candidates: [] };
}

function listed(values: readonly string[], current: string): Completion {
  return {
    candidates: values.filter((value) => value.startsWith(current)).map((value) => ({ value, about: '' })),
  };
}

/** A list by comma, no name twice. */
function nodeList(current: string, { nodes }: Known): Completion {
  const before = current.split(',').slice(0, -1);
  const prefix = before.map((name) => `${name},`).join('');
  const names = Object.keys(nodes).filter((name) => !before.includes(name));
  return {
    ...listed(
      names.map((name) => `${prefix}${name}`),
      current,
    ),
    open: true,
  };
}

function labelTerms(current: string, { nodes }: Known): Completion {
  const pairs = Object.values(nodes).flatMap((labels) =>
    Object.entries(labels).map(([key, value]) => `${key}=${value}`),
  );
  return listed([...new Set(pairs)].sort(), current);
}

const summaryOf = (verb: Verb): string => verb.summary() || verb.description();

function splitOnce(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}
