/**
 * Runs one of the scripts in this folder under a kernel file lock, so that starts at the same time take turns.
 * flock(1) is essential in Debian, and the kernel drops the lock when its holder dies: no lock is ever stale.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BUSY = 75;

/** Resolves with the script's exit code. Arguments go to the script. */
export async function runLocked(lockFile, script, args = []) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const flock = (...options) =>
    // --close: a daemon that the script starts by accident must not inherit, and keep, the lock.
    ended(
      spawn('flock', ['--close', ...options, lockFile, process.execPath, path, ...args], {
        stdio: 'inherit',
      }),
    );

  const status = await flock('--nonblock', '--conflict-exit-code', String(BUSY));
  if (status !== BUSY) return status;
  console.error(`mom4c: another start holds ${lockFile}; waiting for it`);
  return flock();
}

function ended(child) {
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('exit', (code) => resolve(code ?? 1));
  });
}
