/** Processes as Linux shows them in /proc. A pid alone names nobody: with its start time and the boot it does. */
import { readFileSync, readdirSync } from 'node:fs';

export type ProcessIdentity = {
  readonly pid: number;
  /** Clock ticks since boot, field 22 of /proc/PID/stat (proc(5)). */
  readonly startTime: number;
  /** /proc/sys/kernel/random/boot_id: start times begin anew at each boot. */
  readonly boot: string;
};

type Stat = {
  pid: number;
  state: string;
  parent: number;
  session: number;
  threads: number;
  startTime: number;
};

/** @returns undefined if there is no such process */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime, boot: bootId() };
}

/** Does that very process run? One that has ended and waits for its parent to notice does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  return stat !== undefined && !hasEnded(stat) && isSame(identity, stat);
}

/**
 * What runs now of a process and its offspring: itself, its children and theirs, and whatever is in the session that
 * it leads or led. (Erlang's helpers make sessions of their own; orphans of a dead leader have lost their parent.)
 */
export function familyOf(leader: ProcessIdentity): ProcessIdentity[] {
  if (leader.boot !== bootId()) return [];
  // Linux gives no pid anew while it names a session: if another process has it, the old session is gone.
  const current = readStat(leader.pid);
  if (current && !isSame(leader, current)) return [];
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat !== undefined)
    .filter((stat) => stat.startTime >= leader.startTime);
  const family = new Set(all.filter((stat) => stat.pid === leader.pid || stat.session === leader.pid));
  // A set grows while it is walked: children of children follow.
  for (const member of family) for (const stat of all) if (stat.parent === member.pid) family.add(stat);
  return [...family]
    .filter((stat) => !hasEnded(stat))
    .map((stat) => ({ pid: stat.pid, startTime: stat.startTime, boot: leader.boot }));
}

function readStat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The name of the program, in brackets, may hold spaces and brackets.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = 'X', parent, , session] = fields;
  return {
    ...{ pid, state, parent: Number(parent), session: Number(session) },
    ...{ threads: Number(fields[17]), startTime: Number(fields[19]) },
  };
}

/** Its first thread may be a zombie while others still hold its files, and ports. */
function hasEnded({ state, threads }: Stat): boolean {
  return (state === 'Z' || state === 'X') && threads <= 1;
}

function isSame(identity: ProcessIdentity, stat: Stat): boolean {
  return stat.startTime === identity.startTime && bootId() === identity.boot;
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
