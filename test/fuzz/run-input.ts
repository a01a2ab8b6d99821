/** One input through its codec, and what is to be said about it. */
import { join } from 'node:path';
import { inputOf } from './mutate/index.ts';
import type { Target, Verdict } from './target.ts';

const ROOT = join(import.meta.dirname, '../../');

/** What an input did that it must not do. */
export type Fault = {
  /** The same for inputs that find the same fault. */
  readonly signature: string;
  /** For a person: the stack. */
  readonly report: string;
};

export type FoundInput = { readonly target: string; readonly index: number; readonly fault: Fault };

/** @returns the verdict, or the fault that was found */
export async function runInput(target: Target, input: Uint8Array): Promise<Verdict | Fault> {
  try {
    return await target.run(input);
  } catch (thrown) {
    return faultOf(thrown);
  }
}

function faultOf(thrown: unknown): Fault {
  if (!(thrown instanceof Error)) return { signature: `thrown: ${typeof thrown}`, report: String(thrown) };
  const report = thrown.stack ?? String(thrown);
  // Where it was thrown tells faults apart; what it says may quote the input.
  const place = /\n {4}at (?:.*\()?(?:file:\/\/)?(\S+:\d+):\d+\)?/.exec(report)?.[1]?.replace(ROOT, '');
  return { signature: `${thrown.name} at ${place ?? 'an unknown place'}`, report };
}

export type Progress = (index: number) => void;

/** The inputs `from` to `to` - 1 of a target, one after the other. @returns verdicts, and the first input of each fault */
export async function runInputs(
  target: Target,
  { seed, from, to }: { seed: number; from: number; to: number },
  progress: Progress = () => {},
): Promise<{ accepted: number; refused: number; found: FoundInput[] }> {
  const counts = { accepted: 0, refused: 0 };
  const found = new Map<string, FoundInput>();
  for (let index = from; index < to; index++) {
    progress(index);
    const outcome = await runInput(target, inputOf(target, seed, index));
    if (typeof outcome === 'string') counts[outcome] += 1;
    else if (!found.has(outcome.signature))
      found.set(outcome.signature, { target: target.name, index, fault: outcome });
  }
  return { ...counts, found: [...found.values()] };
}
