/** The whole command line: what `mom4c` understands, what completion offers, and what docs/cli.md is made from. */
import { Command as Program, Option } from 'commander';
import { EXIT, VERSION } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import { COMMANDS } from '@mom4c/commands';
import { commandVerb } from './command-verb.ts';
import { completionVerb } from './completion-verb.ts';
import { configVerb } from './config-verb.ts';
import { doctorVerb } from './doctor-verb.ts';
import { enrollVerb } from './enroll-verb.ts';
import { explainVerb } from './explain-verb.ts';
import { labVerb } from './lab-verb.ts';
import { resetEpochVerb } from './reset-epoch-verb.ts';

export type { Command as Program } from 'commander';

export function makeProgram(): Program {
  const program = new Program('mom4c')
    .description('Command fleets of devices: signed, sealed, and every target accounted for.')
    .version(VERSION)
    .addOption(new Option('--state <dir>', 'use the lab in this folder instead of the configured profile'))
    .addOption(new Option('--domain <name>', 'which domain of a lab, where it has several'))
    .addOption(new Option('-v, --verbose', 'log to standard error'))
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .showHelpAfterError('Try `mom4c help`.')
    .exitOverride()
    .addHelpText('after', HELP());

  for (const command of COMMANDS)
    parentOf(program, command).addCommand(commandVerb(command).exitOverride(), {
      // `mom4c managers` alone lists them.
      isDefault: command.verb?.endsWith(' list') ?? false,
    });
  groupOf(program, 'managers').addCommand(resetEpochVerb().exitOverride());
  program.addCommand(enrollVerb().exitOverride());
  program.addCommand(doctorVerb().exitOverride());
  program.addCommand(configVerb().exitOverride());
  program.addCommand(explainVerb().exitOverride());
  program.addCommand(completionVerb().exitOverride());
  program.addCommand(labVerb().exitOverride());
  return program;
}

/** Commands whose verb has two words stand in a group. */
const GROUPS: Readonly<Record<string, string>> = {
  federation: 'Links to partners: other domains that this one talks to.',
  managers: 'Cluster managers: who leads, who stands by.',
  nodes: 'Nodes of the domain: who is there, and in which role.',
};

function parentOf(program: Program, { verb }: Command): Program {
  const group = verb?.split(' ')[0];
  return group === undefined ? program : groupOf(program, group);
}

function groupOf(program: Program, group: string): Program {
  const known = program.commands.find((one) => one.name() === group);
  if (known) return known;
  const made = new Program(group).description(GROUPS[group] ?? '').exitOverride();
  program.addCommand(made);
  return made;
}

function HELP(): string {
  return `
Where it looks for who you are: --state DIR, else $MOM4C_PROFILE, else ~/.config/mom4c/profile.yaml, else the lab in
./.mom4c of the current folder.

Exit codes: ${EXIT.ok} all targets did it · ${EXIT.partial} some refused or failed · ${EXIT.noAnswer} some gave no answer · ${EXIT.usage} usage · ${EXIT.refused} refused
${EXIT.notFound} no such target · ${EXIT.unavailable} a server or manager is away · ${EXIT.identity} certificate or token · ${EXIT.config} configuration · ${EXIT.bug} a bug

Examples:
  mom4c lab up                    a whole domain on this machine
  mom4c listsensors               every sensor of every task executor
  mom4c listsensors -o json       the same, for a program
  mom4c enroll token --name te9 --role te --ttl 1h`;
}
