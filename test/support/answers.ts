/** What `mom4c … -o json` answers, by the shape that docs/cli.md gives it. */
import * as z from 'zod';
import { ask } from './cli.ts';

const answered = z.strictObject({
  id: z.uuidv7(),
  command: z.string(),
  outcomes: z.array(
    z.strictObject({
      target: z.string(),
      state: z.enum(['ok', 'refused', 'failed', 'no-answer']),
      result: z.unknown().optional(),
      error: z.object({ code: z.string(), detail: z.string().optional() }).optional(),
    }),
  ),
});
export type Answer = z.infer<typeof answered>;

/** @param line as on the command line @param expected exit code */
export async function json(lab: string, line: string, expected: number): Promise<Answer> {
  const { stdout } = await ask(lab, `${line} -o json`, expected);
  return answered.parse(JSON.parse(stdout));
}

/** By target. */
export function states(outcomes: Answer['outcomes']): [string, string][] {
  return outcomes.map(({ target, state: outcome }) => [target, outcome]);
}

/** By node, of the answer to `nodes`. */
export function presence({ outcomes }: Answer): Record<string, boolean> {
  const { nodes } = outcomes[0]!.result as { nodes: { name: string; present: boolean }[] };
  return Object.fromEntries(nodes.map(({ name, present }) => [name, present]));
}
