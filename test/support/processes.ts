/** What tests do to processes that they started themselves, by pid. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';

const LIMIT_MS = 10_000;

/** SIGSTOP; resolves once every thread stands still. Let it go on with SIGCONT. */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await until(() => threadStates(pid).every((state) => state === 'T'), `${pid} does not stop`);
}

/** Resolves once the process is gone; the kernel sends no event for one that is not one's child. */
export async function gone(pid: number): Promise<void> {
  await until(() => !isRunning(pid), `${pid} is still there`);
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(holds: () => boolean, message: string): Promise<void> {
  for (
    const deadline = Date.now() + LIMIT_MS;
    !holds();
    await new Promise((resolve) => setTimeout(resolve, 5))
  )
    assert.ok(Date.now() < deadline, message);
}

function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((id) => {
    // `pid (name) state …`; the name may hold anything.
    const stat = readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0]!;
  });
}
