/** docs/cli.md: every verb of the command line, from the program itself. */
import { makeProgram } from '@mom4c/cli';
import type { Program } from '@mom4c/cli';
import { GENERATED, code, page, table } from './markdown.ts';

export function cliPage(): string {
  const program = makeProgram();
  const verbs = visible(program);
  return page(
    GENERATED,
    '# Command line',
    program.description(),
    'The commands that go to the cluster are described in [commands.md](commands.md), exit codes and errors in ' +
      '[errors.md](errors.md). `mom4c help <verb>` shows the same.',
    table(
      ['Verb', 'What it does'],
      verbs.map((verb) => [code(verb.name()), verb.summary() || verb.description()]),
    ),
    '## Options of every verb',
    options(program),
    ...verbs.flatMap((verb) => section(verb, `mom4c ${verb.name()}`)),
  );
}

function section(verb: Program, name: string): string[] {
  const help = verb.createHelp();
  const line = [name, ...verb.registeredArguments.map((argument) => help.argumentTerm(argument))].join(' ');
  const under = visible(verb);
  return [
    `## ${name}`,
    // Layout of a terminal is kept: examples and lists stand there line by line.
    ['```text', under.length > 0 ? `${line} …` : line, '', verb.description(), '```'].join('\n'),
    argumentsOf(verb),
    options(verb),
    ...under.flatMap((one) => section(one, `${name} ${one.name()}`)),
  ];
}

function argumentsOf(verb: Program): string {
  const help = verb.createHelp();
  const rows = verb.registeredArguments.map((one) => [code(one.name()), help.argumentDescription(one)]);
  return rows.length === 0 ? '' : table(['Argument', 'Meaning'], rows);
}

function options(verb: Program): string {
  const help = verb.createHelp();
  const rows = help
    .visibleOptions(verb)
    .filter(({ long }) => long !== '--help')
    .map((option) => [code(option.flags), help.optionDescription(option)]);
  return rows.length === 0 ? '' : table(['Option', 'Meaning'], rows);
}

/** Without `help`, which every program has. */
function visible(verb: Program): Program[] {
  return verb
    .createHelp()
    .visibleCommands(verb)
    .filter((one) => one.name() !== 'help');
}
