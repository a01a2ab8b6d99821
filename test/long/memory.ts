/** Resident memory of processes over a soak: does it level off? */
import { readFileSync } from 'node:fs';

export type MemoryWatch = {
  sample(): void;
  /** For the table of results: by process, its early and late mark. */
  counts(): Record<string, string>;
  /** Of processes that have ended or grown. */
  faults(): string[];
};

/** The highest of the second quarter, when all is warm, and of the last. */
type Marks = { readonly early: number; readonly late: number };
/** By process, in the order of time. */
type Samples = ReadonlyMap<string, readonly number[]>;

/** A heap that is collected goes up and down: what counts is whether its highest marks rise. */
const MAX_GROWTH = 32e6;

/** @param processes pid by name */
export function watchMemory(processes: Readonly<Record<string, number>>): MemoryWatch {
  const samples = new Map(Object.keys(processes).map((name) => [name, [] as number[]]));
  const ended = new Set<string>();
  return {
    sample() {
      for (const [name, pid] of Object.entries(processes)) {
        const resident = residentOf(pid);
        if (resident === undefined) ended.add(name);
        else samples.get(name)!.push(resident);
      }
    },
    counts: () =>
      Object.fromEntries([...samples].map(([name, list]) => [`${name} RSS`, told(marksOf(list))])),
    faults: () => [...[...ended].map((name) => `${name} has ended`), ...growthFaults(samples)],
  };
}

export function growthFaults(samples: Samples): string[] {
  return [...samples].flatMap(([name, list]) => {
    const { early, late } = marksOf(list);
    return late - early > MAX_GROWTH ? [`${name} grew from ${early} to ${late} octets`] : [];
  });
}

function told({ early, late }: Marks): string {
  const megabytes = (octets: number): string => (octets / 1e6).toFixed(0);
  return `${megabytes(early)} → ${megabytes(late)} MB`;
}

function marksOf(list: readonly number[]): Marks {
  const quarter = Math.floor(list.length / 4);
  const highest = (part: readonly number[]): number => part.reduce((most, each) => Math.max(most, each), 0);
  return {
    early: highest(list.slice(quarter, 2 * quarter)),
    late: highest(list.slice(list.length - quarter)),
  };
}

/** Octets; undefined if the process has ended. */
function residentOf(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
