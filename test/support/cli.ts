/** `mom4c` as a user types it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { startProgram } from './program.ts';
import type { Ended, ProgramOptions } from './program.ts';

export const CLI = join(import.meta.dirname, '../../apps/cli/bin/mom4c.js');

/** @param args as on the line after `mom4c`. Rejects if it hangs */
export function mom4c(args: readonly string[], options: ProgramOptions = {}): Promise<Ended> {
  return startProgram(CLI, args, options).ended;
}

/** The same with the lab in `state`; the exit code must be the stated one. */
export async function ask(
  state: string,
  line: string,
  expected: number,
  options: ProgramOptions = {},
): Promise<Ended> {
  const ended = await mom4c(['--state', state, ...line.split(' ')], options);
  assert.equal(ended.code, expected, `mom4c ${line}\n${ended.stdout}\n${ended.stderr}`);
  return ended;
}

/** A one-time token, by `mom4c enroll token`. */
export async function enrolToken(state: string, name: string, role: string, ttl = '1h'): Promise<string> {
  const { stdout } = await ask(state, `enroll token --name ${name} --role ${role} --ttl ${ttl}`, 0);
  const lines = stdout.trimEnd().split('\n');
  return lines.at(-1) ?? '';
}
