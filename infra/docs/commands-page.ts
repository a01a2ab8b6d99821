/** docs/commands.md: every command, from its record. */
import { COMMANDS } from '@mom4c/commands';
import type { Command } from '@mom4c/core';
import { fieldsOf } from '@mom4c/runtime';
import type * as z from 'zod';
import { GENERATED, code, page, table } from './markdown.ts';

const RUNS_ON: Readonly<Record<Command['runsOn'], string>> = {
  te: 'task executors: those that `--target` names, else all of the domain',
  cm: 'the cluster manager; it takes no `--target`',
};

export function commandsPage(): string {
  const overview = COMMANDS.map(({ name, summary, access }) => [
    `[\`${name}\`](#${name})`,
    summary,
    code(access),
  ]);
  return page(
    GENERATED,
    '# Commands',
    'A command is signed by an administrator, accepted by the cluster manager, and ends with one outcome for every ' +
      'target. `mom4c help <command>` shows the same, and the options that all commands have. The codes are ' +
      'explained in [errors.md](errors.md).',
    table(['Command', 'What it does', 'Needs the right'], overview),
    ...COMMANDS.map(section),
  );
}

function section(command: Command): string {
  const { name, summary, description = '', runsOn, access, idempotent, errors, examples } = command;
  const facts = [
    `- Runs on ${runsOn === 'te' && command.oneTarget ? 'one task executor' : RUNS_ON[runsOn]}.`,
    `- Needs the right \`${access}\`.`,
    `- Acting on it twice ${idempotent ? 'does no harm' : 'is not the same as once'}.`,
    `- Its own errors: ${errors.length === 0 ? 'none' : errors.map(code).join(', ')}.`,
  ];
  const lines = examples.flatMap(({ line, does }) => [`# ${does}`, line]);
  return [
    `## ${name}`,
    summary,
    description,
    facts.join('\n'),
    fields('Arguments', command.args as z.ZodType),
    fields('Result of one target', command.result as z.ZodType),
    ['```sh', ...lines, '```'].join('\n'),
  ]
    .filter((block) => block !== '')
    .join('\n\n');
}

function fields(title: string, schema: z.ZodType): string {
  const rows = fieldsOf(schema).map(({ path, type, optional, description }) => [
    code(path),
    type,
    optional ? 'no' : 'yes',
    description,
  ]);
  return rows.length === 0
    ? `${title}: none.`
    : `${title}:\n\n${table(['Field', 'Type', 'Always there', 'Meaning'], rows)}`;
}
