/** A verb of the command line from a command record: arguments, options, help and examples all come from there. */
import { Argument, Command as Verb, Option } from 'commander';
import * as z from 'zod';
import type { Command } from '@mom4c/core';
import { FORMATS } from './formats.ts';
import { interval, labelTerms, targets, timeout } from './option-values.ts';
import type { PerformOptions } from './perform.ts';

/** Seconds. */
const USUAL_PATIENCE = 10;

export function commandVerb(command: Command): Verb {
  const words = (command.verb ?? command.name).split(' ');
  const verb = new Verb(words.at(-1)).summary(command.summary).description(helpOf(command));
  const fields = argumentsOf(command);
  const names = fields.filter(({ isOptional }) => !isOptional);
  const oneNode = command.runsOn === 'te' && command.oneTarget === true;
  if (oneNode) verb.addArgument(new Argument('<node>', 'name of a task executor').argParser(targets));
  for (const { name, description, isOptional, choices } of fields)
    if (isOptional) verb.addOption(fieldOption(name, description, choices));
    else verb.addArgument(new Argument(`<${name}>`, description));
  const onNodes = command.runsOn === 'te' && !oneNode;
  const { patience = USUAL_PATIENCE } = command;
  if (onNodes)
    verb.addOption(
      new Option('-t, --target <names>', 'task executors, by comma; all where absent').argParser(targets),
    );
  if (onNodes || (command.runsOn === 'cm' && command.byLabels))
    verb.addOption(
      new Option(
        '-l, --label <selector>',
        `${onNodes ? 'of these only those' : 'only nodes'} with this label: key=value, key, or key!=value; repeat it for more that must hold`,
      ).argParser(labelTerms),
    );
  verb
    .addOption(
      new Option('--timeout <duration>', 'how long the targets have')
        .argParser(timeout)
        .default(patience * 1000, `${patience}s`),
    )
    .addOption(new Option('-o, --output <format>', 'form of the answer').choices(FORMATS).default('table'))
    .addOption(watchOption(command));
  return verb.action(async (...given: unknown[]) => {
    const [node, ...words] = oneNode ? given : [undefined, ...given];
    const args: Record<string, unknown> = Object.fromEntries(
      names.map(({ name, read }, index) => [name, read(String(words[index]))]),
    );
    const options = verb.optsWithGlobals<PerformOptions & Record<string, unknown>>();
    for (const { name, isOptional, read } of fields)
      if (isOptional && typeof options[name] === 'string') args[name] = read(options[name]);
    // Only here, since all that speaks with servers takes longer to load than help to show.
    if (options.watch !== undefined && command.runsOn === 'cm' && command.pushed) {
      const { watchEvents } = await import('./watch-events.ts');
      return watchEvents(command, args, options);
    }
    const { perform } = await import('./perform.ts');
    await perform(command, args, oneNode ? { ...options, target: node as string[] } : options);
  });
}

/** What is pushed needs no interval. */
function watchOption(command: Command): Option {
  if (command.runsOn === 'cm' && command.pushed)
    return new Option('-w, --watch', 'show each new one as it happens, until Ctrl-C');
  return new Option(
    '-w, --watch [interval]',
    'ask again and again, until Ctrl-C; every 2s where no interval is given',
  )
    .argParser(interval)
    .preset('2s');
}

function helpOf({ summary, description, examples, access, errors }: Command): string {
  const lines = examples.map(({ line, does }) => `  ${line}\n      ${does}`);
  const mayFail = errors.length > 0 ? `\n\nMay fail with: ${errors.join(', ')}` : '';
  return `${summary}${description ? `\n\n${description}` : ''}\n\nNeeds: ${access}${mayFail}\n\nExamples:\n${lines.join('\n')}`;
}

type Field = {
  readonly name: string;
  readonly description: string;
  /** Such a one is an option. */
  readonly isOptional: boolean;
  readonly choices: readonly string[];
  readonly read: (text: string) => unknown;
};

/** The fields of the command's arguments, in the order of its schema. */
function argumentsOf(command: Command): Field[] {
  const { shape } = z.instanceof(z.ZodObject).parse(command.args);
  return Object.entries(shape).map(([name, field]) => ({
    name,
    description: (field as z.ZodType).description ?? '',
    isOptional: field instanceof z.ZodOptional,
    choices: choicesOf(field),
    read: field instanceof z.ZodNumber ? numberIn : (text: string) => text,
  }));
}

function choicesOf(field: unknown): string[] {
  const inner = field instanceof z.ZodOptional ? field.unwrap() : field;
  return inner instanceof z.ZodEnum ? inner.options.map(String) : [];
}

function fieldOption(name: string, description: string, choices: readonly string[]): Option {
  const option = new Option(`--${name} <${name}>`, description);
  return choices.length > 0 ? option.choices(choices) : option;
}

/** What is no number is left as it is, for the schema to say so. */
function numberIn(text: string): number | string {
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}
