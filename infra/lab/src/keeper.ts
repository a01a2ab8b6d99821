/** Starts programs that outlive us, and stops them with all their children, also from another process later on. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Mom4cError } from '@mom4c/core';
import { familyOf, identify, isAlive } from './process-table.ts';
import type { ProcessIdentity } from './process-table.ts';

/** All that is needed to stop it later; plain data for the state file. Holds no secret. */
export type ProcessRecord = ProcessIdentity & { readonly name: string; readonly logFile: string };

export type ProcessUser = { readonly uid: number; readonly gid: number };

export type StartOptions = {
  name: string;
  command: string;
  args: readonly string[];
  /** Its working folder. */
  folder: string;
  /** Its whole environment. */
  env: Readonly<Record<string, string>>;
  /** Gets standard output and error, appended. */
  logFile: string;
  user?: ProcessUser | undefined;
  /** Name of the network namespace where it is to run; ours by default. */
  namespace?: string | undefined;
  /** Opens a channel for Node IPC. */
  ipc?: boolean | undefined;
};

export type StartedProcess = { record: ProcessRecord; child: ChildProcess };

const STOP_LIMIT_MS = 10_000;
const KILL_LIMIT_MS = 5_000;
const POLL_MS = 20;

/** Starts a program in a session of its own. @throws Mom4cError M4C_LAB if it cannot be started at all */
export async function startProcess(options: StartOptions): Promise<StartedProcess> {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const { namespace, user } = options;
    const { command, args } =
      namespace === undefined ? options : insideOf(namespace, options.command, options.args, user);
    const child = spawn(command, args, {
      cwd: options.folder,
      env: options.env,
      detached: true,
      stdio: options.ipc ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
      ...(namespace === undefined && user),
    });
    // Node reaps a child no earlier than in the next turn, so it can be identified now even if it has ended already.
    const identity = child.pid === undefined ? undefined : identify(child.pid);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new Mom4cError('M4C_LAB', `cannot start ${options.name}: ${cause.message}`, { cause })),
      );
    });
    if (!identity) throw new Mom4cError('M4C_LAB', `${options.name} ended before it could be identified`);
    child.unref();
    return { record: { ...identity, name: options.name, logFile: options.logFile }, child };
  } finally {
    closeSync(log);
  }
}

/** In a network namespace a program takes the place of `nsenter`, so that its pid is the one that was started. */
function insideOf(
  namespace: string,
  command: string,
  args: readonly string[],
  user: ProcessUser | undefined,
): { command: string; args: readonly string[] } {
  const as = user ? [`--setgid=${user.gid}`, `--setuid=${user.uid}`] : [];
  return { command: 'nsenter', args: [`--net=/run/netns/${namespace}`, ...as, '--', command, ...args] };
}

/** Sends a signal to that very process. @returns false if it does not run any more; its pid may be another's by now */
export function signalProcess(record: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(record)) return false;
  try {
    return process.kill(record.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

export type StopOptions = {
  /** SIGKILL: at once. */
  signal?: 'SIGTERM' | 'SIGINT' | 'SIGKILL' | undefined;
  /** Milliseconds until SIGKILL. */
  limitMs?: number | undefined;
};

/**
 * Asks it to end, kills it when the limit has passed, and kills what is left of its children. Does nothing to a
 * process that has come to the same pid since. @throws Mom4cError M4C_LAB if something survives SIGKILL
 */
export async function stopProcess(record: ProcessRecord, options: StopOptions = {}): Promise<void> {
  const { signal = 'SIGTERM', limitMs = STOP_LIMIT_MS } = options;
  const family = familyOf(record);
  if (signalProcess(record, signal)) {
    // One that was stopped with SIGSTOP handles the request only when it goes on.
    signalProcess(record, 'SIGCONT');
    await until(() => !isAlive(record), limitMs);
  }
  const deadline = performance.now() + KILL_LIMIT_MS;
  // A child may have been made in the meantime, or be forking while it is being killed: look until nobody is left.
  for (;;) {
    const left = [...family, ...familyOf(record)].filter(isAlive);
    if (left.length === 0) return;
    if (performance.now() > deadline)
      throw new Mom4cError(
        'M4C_LAB',
        `${record.name} (pid ${record.pid}) does not end, see ${record.logFile}`,
      );
    for (const member of left) signalProcess(member, 'SIGKILL');
    await delay(POLL_MS);
  }
}

/** The end of a log: at most `lines` lines of its last 4 kB; empty if there is none. */
export function tailOf(logFile: string, lines = 8): string {
  let file: number;
  try {
    file = openSync(logFile, 'r');
  } catch {
    return '';
  }
  try {
    const buffer = Buffer.alloc(4096);
    const start = Math.max(0, fstatSync(file).size - buffer.length);
    const length = readSync(file, buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, length).trimEnd().split('\n').slice(-lines).join('\n');
  } finally {
    closeSync(file);
  }
}

/** Waits until `check` holds, for what cannot be awaited as an event: the end of a process that is no child of ours. */
export async function until(check: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (!(await check())) {
    if (performance.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}
