/**
 * Runs one of the scripts in this folder under a kernel file lock, so that starts at the same time take turns.
 * flock(1) is essential in Debian, and the kernel drops the lock when its holder dies: no lock is ever stale.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BUSY = 75;

/** Returns the script's exit code. Arguments go to the script. */
export function runLocked(lockFile, script, args = []) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  // --close: a daemon that the script starts by accident must not inherit, and keep, the lock.
  const flock = (...options) =>
    spawnSync('flock', ['--close', ...options, lockFile, process.execPath, path, ...args], {
      stdio: 'inherit',
    });

  let result = flock('--nonblock', '--conflict-exit-code', String(BUSY));
  if (result.status === BUSY) {
    console.error(`mom4c: another start holds ${lockFile}; waiting for it`);
    result = flock();
  }
  if (result.error) throw result.error;
  return result.status ?? 1;
}
