/** Brings node_modules to what package-lock.json says; run as a program under this checkout's lock. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
export const MODULES_LOCK = `${root}.start.lock`;
const HASH_FILE = `${root}node_modules/.mom4c-lock-hash`;

const REQUIRED_NODE = 24;

export function modulesAreCurrent() {
  return existsSync(HASH_FILE) && readFileSync(HASH_FILE, 'utf8') === lockHash();
}

/** Absolute path of the Node that the lockfile pins; a shell may still remember an older `node` by its path. */
export function pinnedNode() {
  const path = `${root}node_modules/node-linux-${process.arch}/bin/node`;
  const asked = spawnSync(path, ['--version'], { encoding: 'utf8' });
  const major = Number(/^v(\d+)/.exec(asked.stdout ?? '')?.[1]);
  if (!(major >= REQUIRED_NODE)) {
    throw new Error(`no Node ${REQUIRED_NODE} for ${process.platform}-${process.arch} at ${path}`);
  }
  return path;
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(`${root}package-lock.json`))
    .digest('hex');
}

function install() {
  console.error('mom4c: installing node modules (npm ci)');
  // Gone before npm starts: a run killed half-way must not look complete.
  rmSync(HASH_FILE, { force: true });
  const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status } = spawnSync('npm', args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) return false;
  pinnedNode();
  writeFileSync(HASH_FILE, lockHash());
  return true;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href && !modulesAreCurrent()) {
  process.exit(install() ? 0 : 1);
}
