/**
 * node infra/bootstrap/start.mjs <task> [arguments…]
 *
 * Makes a fresh clone runnable, then runs the task: the Debian packages that the task needs, `npm ci` if the lockfile
 * changed, the programs if a source did, then the task's own program under the pinned Node 24. No dependencies; runs on
 * Node 18 and later.
 */
import { spawn } from 'node:child_process';
import {
  DEBIAN_LOCK,
  EX_UNAVAILABLE,
  installCommand,
  isRoot,
  missingPackages,
  policyLeftBehind,
} from './debian.mjs';
import { runLocked } from './locked.mjs';
import { MODULES_LOCK, modulesAreCurrent, pinnedNode, root } from './modules.mjs';
import { taskList } from './task-list.mjs';

const EX_USAGE = 64;

const [name, ...args] = process.argv.slice(2);
const task = Object.hasOwn(taskList, name ?? '') ? taskList[name] : undefined;
if (!task) {
  console.error(`usage: node infra/bootstrap/start.mjs <${Object.keys(taskList).join('|')}> [arguments…]`);
  process.exit(EX_USAGE);
}

if (task.debian) orExit(await provideDebianPackages(task.debian));
// apt waits for network and disk much of its time, and so does npm.
if (task.later) provideDebianPackages(task.later).catch(() => {}); // `setup` tries again, and says why
if (!modulesAreCurrent()) orExit(await runLocked(MODULES_LOCK, 'modules.mjs'));
// It builds only what is older than its sources.
if (task.debian) orExit(await runLocked(MODULES_LOCK, '../build/build.mjs'));
if (task.run) runTask(pinnedNode(), [...task.run, ...args]);

/** Resolves with an exit code. */
async function provideDebianPackages(groups) {
  const missing = Object.keys(missingPackages(groups));
  if (missing.length > 0 && !isRoot()) {
    console.error(`mom4c: install the servers first, as root: ${installCommand(missing)}`);
    process.exit(EX_UNAVAILABLE);
  }
  if (missing.length === 0 && !(isRoot() && policyLeftBehind())) return 0;
  return runLocked(DEBIAN_LOCK, 'debian.mjs', groups);
}

function runTask(node, command) {
  const path = [`${root}node_modules/.bin`, process.env.PATH].join(':');
  // What Node has compiled once it need not compile again: a quarter less for the many processes of tests and lab.
  const env = { NODE_COMPILE_CACHE: `${root}node_modules/.cache/node-compile`, ...process.env, PATH: path };
  const child = spawn(node, command, { cwd: root, stdio: 'inherit', env });
  const forward = (signal) => {
    // At a terminal Ctrl-C has already reached the child; a second one would look like an impatient user.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, forward);
  child.on('exit', (code, signal) => {
    for (const each of signals) process.off(each, forward);
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code;
  });
}

function orExit(status) {
  if (status !== 0) process.exit(status);
}
