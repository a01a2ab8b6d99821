/** One way for every door (bus, room, CLI, ad-hoc): look up → authorise → parse → run → check result → map error. */
import type * as z from 'zod';
import type { Access, Command } from './command.ts';
import { Mom4cError } from './errors.ts';

/** @throws Mom4cError M4C_UNKNOWN_COMMAND */
export function findCommand(commands: readonly Command[], name: string): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (!command) throw new Mom4cError('M4C_UNKNOWN_COMMAND', JSON.stringify(name.slice(0, 64)));
  return command;
}

/** @throws Mom4cError M4C_FORBIDDEN if `may` does not allow the command's right. There is no default. */
export function authorise(command: Command, may: (access: Access) => boolean): void {
  if (!may(command.access)) throw new Mom4cError('M4C_FORBIDDEN', `${command.name} needs ${command.access}`);
}

/** @throws Mom4cError M4C_BAD_ARGUMENTS */
export function parseArguments(command: Command, args: unknown): unknown {
  return check(command.args, args, 'M4C_BAD_ARGUMENTS');
}

/** @throws Mom4cError M4C_BAD_RESULT */
export function checkResult(command: Command, result: unknown): unknown {
  return check(command.result, result, 'M4C_BAD_RESULT');
}

/** Runs an authorised command with raw arguments on the node that `context` belongs to.
 *  @throws Mom4cError M4C_BAD_ARGUMENTS, M4C_BAD_RESULT, and what the command throws */
export async function runCommand<C extends Command>(
  command: C,
  args: unknown,
  context: Parameters<C['run']>[1],
): Promise<unknown> {
  const run = command.run as (args: unknown, context: unknown) => Promise<unknown>;
  return checkResult(command, await run(parseArguments(command, args), context));
}

function check(schema: z.ZodType, value: unknown, code: 'M4C_BAD_ARGUMENTS' | 'M4C_BAD_RESULT'): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'value'}: ${issue.message}`);
  throw new Mom4cError(code, faults.join('; '));
}
