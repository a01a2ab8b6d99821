/** `mom4c explain CODE`: an entry of the catalogue, where the error is read. */
import { Argument, Command as Verb } from 'commander';
import { ERRORS, Mom4cError, isErrorCode } from '@mom4c/core';

export function explainVerb(): Verb {
  return new Verb('explain')
    .summary('Say what an error means, and what to do about it.')
    .description(
      'Say what an error means, what to do about it, and the exit code that it leads to. All: docs/errors.md.',
    )
    .addArgument(new Argument('<code>', 'such as M4C_NO_MANAGER, or NO_MANAGER, or its number'))
    .action((code: string) => void process.stdout.write(explain(code)));
}

/** @throws Mom4cError M4C_USAGE */
function explain(given: string): string {
  const upper = given.toUpperCase();
  const named = upper.startsWith('M4C_') ? upper : `M4C_${upper}`;
  const code = isErrorCode(named)
    ? named
    : Object.entries(ERRORS).find(([, one]) => String(one.number) === given)?.[0];
  if (!isErrorCode(code))
    throw new Mom4cError('M4C_USAGE', `no such error: ${JSON.stringify(given.slice(0, 60))}`);
  const { number, text, fix, exit, type } = ERRORS[code];
  const again = type === 'wait' ? 'The same may be sent again.' : 'Sending the same again does not help.';
  return `${code} (${number}): ${text}\n  → ${fix}\n  ${again} Exit code ${exit}.\n`;
}
