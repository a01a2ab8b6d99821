/** `mom4c`: the command line of an administrator. */
import { CommanderError } from 'commander';
import { EXIT, Mom4cError, asMom4cError, systemClock, systemRandom, uuidv7 } from '@mom4c/core';
import { COMPLETE, printCompletion } from './completion-verb.ts';
import { makeProgram } from './program.ts';
import { printError } from './terminal.ts';

const program = makeProgram();

try {
  // For the scripts of shells only; what a user types there is no command line yet.
  if (process.argv[2] === COMPLETE) printCompletion(program, process.argv.slice(4));
  else await program.parseAsync();
} catch (thrown) {
  process.exitCode = exitCodeOf(thrown);
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
