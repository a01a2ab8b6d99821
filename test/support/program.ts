/** A program as a user would start it: as a process, with arguments, its output read. */
import { spawn } from 'node:child_process';
import { COMPILED } from '@mom4c/build';

export type Ended = {
  /** Undefined if a signal ended it. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
};

export type Program = {
  readonly pid: number;
  /** Both as far as they have come. */
  readonly stdout: string;
  readonly stderr: string;
  readonly ended: Promise<Ended>;
  /** The first match in standard output, which may be there already. Rejects if the program ends without one. */
  take(pattern: RegExp): Promise<RegExpExecArray>;
  /** The same in standard error. */
  takeError(pattern: RegExp): Promise<RegExpExecArray>;
  /** Sends a signal if it still runs, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended>;
};

export type ProgramOptions = {
  readonly cwd?: string;
  /** Added to PATH and a HOME that does not exist, so that nothing of the user's own counts. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whoever takes longer hangs, and is killed; `ended` rejects. Milliseconds. */
  readonly limitMs?: number;
};

const LIMIT_MS = 90_000;

/** Runs a program of ours under the Node that runs this. */
export function startProgram(
  file: string,
  args: readonly string[],
  { cwd, env = {}, limitMs = LIMIT_MS }: ProgramOptions = {},
): Program {
  const child = spawn(process.execPath, [file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { NODE_COMPILE_CACHE: COMPILED, PATH: process.env.PATH ?? '', HOME: '/nonexistent', ...env },
    ...(cwd !== undefined && { cwd }),
  });
  let stdout = '';
  let stderr = '';
  let over = false;
  /** Look for their pattern again whenever there is more, and for the last time at the end. */
  const looking = new Set<() => void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const look of looking) look();
  });
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const look of looking) look();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    const limit = setTimeout(() => {
      child.kill('SIGTERM');
      reject(new Error(`${args.join(' ')} did not end in ${limitMs / 1000} s:\n${stdout}\n${stderr}`));
    }, limitMs);
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(limit);
      over = true;
      for (const look of looking) look();
      resolve({ code: code ?? undefined, stdout, stderr });
    });
  });
  // It may fail before anybody waits for it.
  ended.catch(() => {});
  const seen = (pattern: RegExp, output: () => string): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(output());
        if (!match && !over) return;
        looking.delete(look);
        if (match) resolve(match);
        else reject(new Error(`it ended without ${pattern}:\n${stdout}\n${stderr}`));
      };
      looking.add(look);
      look();
    });
  return {
    pid: child.pid!,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    ended,
    take: (pattern) => seen(pattern, () => stdout),
    takeError: (pattern) => seen(pattern, () => stderr),
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}
