/** What happened when in a take-over, by the logs of those who took part; all on the clock of one machine. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Milliseconds from the loss of the manager that led. */
export type TakeOver = {
  /** The lease is written. */
  readonly lease: number;
  /** A task executor obeys the new epoch: it has begun with a command, or has answered one that it had done already, from its
   *  record. */
  readonly executed: number;
  /** One has begun with a command that it had not done yet. */
  readonly begun: number;
  /** `cm@D/active` is claimed, and requests are taken. */
  readonly open: number;
};

type Line = {
  readonly time: string;
  readonly msg: string;
  /** Of a command. */
  readonly id?: string;
  readonly epoch?: string | { readonly generation: number; readonly counter: number };
};

/** Whatever is written to a log from now on. */
export function tail(file: string): () => readonly Line[] {
  const descriptor = openSync(file, 'r');
  const from = fstatSync(descriptor).size;
  return () => {
    const octets = Buffer.alloc(fstatSync(descriptor).size - from);
    readSync(descriptor, octets, 0, octets.length, from);
    closeSync(descriptor);
    return octets
      .toString()
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line);
  };
}

/** @param at Unix milliseconds of the loss @param epoch the new one @throws Error if a part of it is in no log */
export function takeOver(
  at: number,
  epoch: string,
  managers: readonly Line[],
  executors: readonly Line[],
): TakeOver {
  const under = (lines: readonly Line[], msg: string): readonly Line[] =>
    lines.filter((line) => line.msg === msg && epochOf(line) === epoch);
  const first = (lines: readonly Line[], what: string): number => {
    if (lines.length === 0) throw new Error(`no "${what}" under ${epoch}`);
    return Math.min(...lines.map(({ time }) => Date.parse(time))) - at;
  };
  const begun = under(executors, 'taken');
  const answered = under(executors, 'asked again').flatMap((again) =>
    executors
      .slice(executors.indexOf(again))
      .filter(({ id, msg }) => msg === 'answered' && id === again.id)
      .slice(0, 1),
  );
  return {
    lease: first(under(managers, 'took the lease'), 'took the lease'),
    executed: first([...begun, ...answered], 'taken'),
    begun: first(begun, 'taken'),
    open: first(under(managers, 'leads'), 'leads'),
  };
}

/** Under which epochs requests were taken, in the order of their beginning. */
export function terms(managers: readonly Line[]): readonly string[] {
  return managers
    .filter(({ msg }) => msg === 'leads')
    .toSorted((a, b) => Date.parse(a.time) - Date.parse(b.time))
    .map((line) => epochOf(line)!);
}

function epochOf({ epoch }: Line): string | undefined {
  return typeof epoch === 'object' ? `${epoch.generation}.${epoch.counter}` : epoch;
}
