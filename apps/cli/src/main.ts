/** `mom4c`: the command line of an administrator. */
import { Command as Program, CommanderError, Option } from 'commander';
import { EXIT, Mom4cError, VERSION, asMom4cError, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import { COMMANDS } from '@mom4c/commands';
import { commandVerb } from './command-verb.ts';
import { configVerb } from './config-verb.ts';
import { doctorVerb } from './doctor-verb.ts';
import { enrollVerb } from './enroll-verb.ts';
import { labVerb } from './lab-verb.ts';
import { printError } from './terminal.ts';

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

for (const command of COMMANDS) program.addCommand(commandVerb(command).exitOverride());
program.addCommand(enrollVerb().exitOverride());
program.addCommand(doctorVerb().exitOverride());
program.addCommand(configVerb().exitOverride());
program.addCommand(labVerb().exitOverride());

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = exitCodeOf(thrown);
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

function exitCodeOf(thrown: unknown): number {
  // Commander has printed its message already; help and version end here as well, with 0.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const error = asMom4cError(
    thrown,
    () => uuidv7(systemClock, systemRandom),
    (bug) => console.error(bug),
  );
  printError(error);
  return error instanceof Mom4cError ? error.entry.exit : EXIT.bug;
}
