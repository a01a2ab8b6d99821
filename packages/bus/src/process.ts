/** Child processes that never outlive this one, and are started again when they die. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { jitteredBackoff, Mom4cError, systemClock, systemRandom, type Log } from '@mom4c/core';

export type SupervisedProcess = {
  readonly pid: number | undefined;
  /** How often it was started. */
  readonly starts: number;
  /** By its pid: SIGTERM, after three seconds SIGKILL. Resolves once it is gone. */
  stop(): Promise<void>;
};

export type SupervisedOptions = {
  readonly name: string;
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment, apart from PATH. */
  readonly env?: Readonly<Record<string, string>>;
  /** Has it a channel by which it says that it is ready (`child.on('message')`), as our own programs do? */
  readonly ipc?: boolean;
  /** Called before each start. */
  readonly prepare?: () => Promise<void>;
  /**
   * Called after each start; all three standard streams are pipes that it must use or end. Resolves once the process
   * does its work; a throw ends the process. `signal` fires when nobody waits any more.
   */
  readonly started: (child: ChildProcess, signal: AbortSignal) => Promise<void>;
  readonly log: Log;
};

const STOP_LIMIT_MS = 3000;
const START_LIMIT_MS = 15_000;
const RESTART = { baseMs: 200, capMs: 10_000 };
/** One that lived for so long is started again without the delay that earlier deaths have added up. */
const HEALTHY_MS = 30_000;

/**
 * Starts a process under `setpriv --pdeathsig KILL`: the kernel kills it when this process dies, even of SIGKILL.
 * Resolves once it works; from then on it is started again, with jittered delay, whenever it ends.
 * @throws Mom4cError M4C_PACKAGE_MISSING without setpriv; what `started` throws at the first start
 */
export async function superviseProcess(options: SupervisedOptions): Promise<SupervisedProcess> {
  const setpriv = findProgram('setpriv', 'util-linux');
  const backoff = jitteredBackoff({ ...RESTART, random: systemRandom });
  let child: ChildProcess | undefined;
  let starting: Promise<void> | undefined;
  let starts = 0;
  let stopping = false;
  let cancelRestart = (): void => {};

  const start = async (): Promise<void> => {
    await options.prepare?.();
    if (stopping) return;
    const startedAt = systemClock.monotonic();
    const fresh = spawnDying(setpriv, options);
    child = fresh;
    starts += 1;
    await works(fresh, options);
    if (fresh.exitCode !== null || fresh.signalCode !== null) throw new Error('ended at once');
    fresh.once('exit', (code, signal) => {
      if (stopping) return;
      options.log.warn({ process: options.name, pid: fresh.pid, code, signal }, 'a process ended by itself');
      if (systemClock.monotonic() - startedAt >= HEALTHY_MS) backoff.reset();
      restartLater();
    });
  };
  const restartLater = (): void => {
    if (stopping) return;
    cancelRestart = systemClock.after(backoff.next(), () => {
      starting = start().then(
        () => options.log.info({ process: options.name, pid: child?.pid }, 'started a process again'),
        (error: unknown) => {
          if (stopping) return;
          options.log.error({ process: options.name, err: error }, 'cannot start a process again');
          restartLater();
        },
      );
    });
  };

  await start();
  return {
    get pid() {
      return child?.pid;
    },
    get starts() {
      return starts;
    },
    async stop() {
      stopping = true;
      cancelRestart();
      if (child) await endProcess(child);
      // One that is being started again sees that it is to stop, and ends.
      await starting;
    },
  };
}

/** Absolute path of a program in PATH, or where Debian keeps servers, which is not in everybody's PATH.
 *  @throws Mom4cError M4C_PACKAGE_MISSING */
export function findProgram(name: string, debianPackage: string): string {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/local/sbin',
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
  ];
  for (const path of isAbsolute(name)
    ? [name]
    : folders.filter(isAbsolute).map((folder) => join(folder, name))) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one.
    }
  }
  throw new Mom4cError('M4C_PACKAGE_MISSING', `${name}: apt-get install ${debianPackage}`);
}

function spawnDying(setpriv: string, { program, args, env, ipc }: SupervisedOptions): ChildProcess {
  return spawn(setpriv, ['--pdeathsig', 'KILL', '--no-new-privs', '--', program, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe', ...(ipc ? (['ipc'] as const) : [])],
  });
}

/** Waits until `started` is done; a death or silence before that ends the process and is an error. */
async function works(child: ChildProcess, { started, name }: SupervisedOptions): Promise<void> {
  const over = new AbortController();
  let cancelLimit = (): void => {};
  const failed = new Promise<never>((_resolve, reject) => {
    const ended = (): void => reject(new Error(`${name} ended before it was ready`));
    child.once('error', reject);
    child.once('exit', ended);
    over.signal.addEventListener('abort', () => child.off('exit', ended));
    cancelLimit = systemClock.after(START_LIMIT_MS, () => reject(new Error(`${name} did not become ready`)));
  });
  // Writing to one that has just died must not be an uncaught error; its exit tells all.
  child.stdin?.on('error', () => {});
  try {
    await Promise.race([started(child, over.signal), failed]);
  } catch (error) {
    await endProcess(child);
    throw error;
  } finally {
    over.abort();
    cancelLimit();
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const cancel = systemClock.after(STOP_LIMIT_MS, () => child.kill('SIGKILL'));
  await gone;
  cancel();
}
