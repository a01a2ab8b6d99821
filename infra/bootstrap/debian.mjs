/**
 * Installs the Debian packages of the named groups that are missing, and nothing else; run as a program under a
 * machine-wide lock, with the groups as arguments.
 *
 * INVARIANTS:
 * - No service is started or stopped by the installation: Debian would start ejabberd, Prosody, slapd and nats-server,
 *   and the lab runs private instances of its own. A policy-rc.d that forbids it stands for the time of the
 *   installation only.
 * - A policy-rc.d that was there before is there afterwards, also if a former run was killed half-way.
 * - epmd, which listens on all addresses, is not left behind.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { debianPackages } from './debian-packages.mjs';

const POLICY = '/usr/sbin/policy-rc.d';
const SAVED_POLICY = '/usr/sbin/policy-rc.d.before-mom4c';
const MARK = '# mom4c: no services while packages are installed';
const APT_OPTIONS = ['-o', 'DPkg::Lock::Timeout=300'];
const INSTALL = [
  ...APT_OPTIONS,
  '-o',
  'Dpkg::Options::=--force-confdef',
  '-o',
  'Dpkg::Options::=--force-confold',
];

const UNATTENDED = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' };

/** Exit code of sysexits.h for "a service this program needs is unavailable". */
export const EX_UNAVAILABLE = 69;
export const DEBIAN_LOCK = '/run/lock/mom4c-debian.lock';

/** Of those groups. @returns package → why it is needed */
export function missingPackages(groups) {
  const wanted = groups.flatMap((group) => Object.entries(debianPackages[group]));
  return Object.fromEntries(wanted.filter(([name]) => packageStatus(name) !== 'installed'));
}

export function isRoot() {
  return process.getuid?.() === 0;
}

/** True where a killed run left its policy behind: services of this machine would not start until it is gone. */
export function policyLeftBehind() {
  return exists(SAVED_POLICY) || (exists(POLICY) && readPolicy().includes(MARK));
}

export function installCommand(packages) {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

function packageStatus(name) {
  const query = spawnSync('dpkg-query', ['-W', '-f=${db:Status-Status}', name], { encoding: 'utf8' });
  if (query.error) {
    console.error(`mom4c: this needs Debian (dpkg-query cannot be run: ${query.error.message})`);
    process.exit(EX_UNAVAILABLE);
  }
  return query.stdout;
}

function install(packages) {
  const reasons = Object.entries(packages).map(([name, why]) => `  ${name}: ${why}`);
  console.error(`mom4c: installing Debian packages\n${reasons.join('\n')}`);
  const epmdBefore = epmdRuns();
  forbidServices();
  try {
    return aptInstall(Object.keys(packages));
  } finally {
    restorePolicy();
    // `epmd -kill` refuses while a node is registered, so a node that someone runs meanwhile is safe.
    if (!epmdBefore && epmdRuns()) spawnSync('epmd', ['-kill'], { stdio: 'ignore' });
  }
}

/**
 * The package lists are fetched only where there are none, or where the installation failed with those that are there; an
 * installation that was killed half-way is finished first.
 */
function aptInstall(packages) {
  const args = [...INSTALL, 'install', '-y', '--no-install-recommends', ...packages];
  if (haveLists() && aptGet(args)) return true;
  spawnSync('dpkg', ['--force-confdef', '--force-confold', '--configure', '-a'], {
    env: UNATTENDED,
    stdio: ['ignore', 2, 2],
  });
  return aptGet([...APT_OPTIONS, 'update']) && aptGet(args);
}

function aptGet(args) {
  // apt's chatter goes to stderr: stdout belongs to the program that is started afterwards.
  return spawnSync('apt-get', ['-q', ...args], { env: UNATTENDED, stdio: ['ignore', 2, 2] }).status === 0;
}

function haveLists() {
  return readdirSync('/var/lib/apt/lists').some((file) => file.includes('_Packages'));
}

function forbidServices() {
  if (exists(POLICY)) renameSync(POLICY, SAVED_POLICY);
  writeFileSync(POLICY, `#!/bin/sh\n${MARK}\nexit 101\n`);
  chmodSync(POLICY, 0o755);
}

function restorePolicy() {
  if (exists(POLICY) && readPolicy().includes(MARK)) rmSync(POLICY);
  if (exists(SAVED_POLICY) && !exists(POLICY)) renameSync(SAVED_POLICY, POLICY);
}

function readPolicy() {
  try {
    return readFileSync(POLICY, 'utf8');
  } catch {
    return ''; // a dangling link, or one that we may not read: not ours
  }
}

/** As existsSync, but sees dangling links too. */
function exists(path) {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function epmdRuns() {
  return readdirSync('/proc').some((pid) => /^\d+$/.test(pid) && commandOf(pid) === 'epmd');
}

function commandOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // it has ended
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  // Ctrl-C reaches apt-get by itself; this process must live on to put the policy back.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  restorePolicy();
  const packages = missingPackages(process.argv.slice(2));
  if (Object.keys(packages).length > 0 && !install(packages)) {
    console.error('mom4c: the installation failed; see above');
    process.exit(EX_UNAVAILABLE);
  }
}
