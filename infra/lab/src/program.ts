/** Our own programs, as children of Node: started, awaited until they say that they are ready, and left alone. */
import { execFile } from 'node:child_process';
import { appendFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { Mom4cError } from '@mom4c/core';
import { COMPILED, programFile } from '@mom4c/build';
import { startProcess, stopProcess, tailOf } from './keeper.ts';
import type { ProcessRecord } from './keeper.ts';
import type { OnStart } from './server.ts';

export type Program =
  | 'certificate-authority'
  | 'cluster-manager'
  | 'command-adapter'
  | 'federation-gateway'
  | 'task-executor';

export type ProgramStart = {
  program: Program;
  args: readonly string[];
  /** Name of the node or service, for logs. */
  name: string;
  /** Its working folder; `output.log` is made there. */
  folder: string;
  onStart?: OnStart | undefined;
  /** Where it runs; see `StartOptions`. */
  namespace?: string | undefined;
  /** Added to its environment. */
  env?: Readonly<Record<string, string>> | undefined;
};

const READY_LIMIT_MS = 180_000;
const VERB_LIMIT_MS = 180_000;
const MAX_OUTPUT = 65_536;

/** Of our environment, what a program may see: nothing that could hold a secret, or change what Node runs. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/**
 * Starts a program that says `{type: 'ready'}` over Node IPC, and resolves then. It lives on after us.
 * @throws Mom4cError M4C_LAB with the end of its log; it does not run then
 */
export async function startProgram(start: ProgramStart): Promise<ProcessRecord> {
  const { name, folder } = start;
  const { record, child } = await startProcess({
    name,
    command: process.execPath,
    args: [programFile(start.program), ...start.args],
    folder,
    env: { ...passedOn(), ...start.env },
    logFile: join(folder, 'output.log'),
    namespace: start.namespace,
    ipc: true,
  });
  start.onStart?.(record);
  const failure = await new Promise<string | undefined>((resolve) => {
    const limit = setTimeout(() => resolve(`is not ready within ${READY_LIMIT_MS / 1000} s`), READY_LIMIT_MS);
    const finish = (reason: string | undefined) => {
      clearTimeout(limit);
      resolve(reason);
    };
    child.on('message', (message) => {
      if (isReady(message)) finish(undefined);
    });
    child.once('exit', (code, signal) => finish(`ended by itself (${signal ?? `exit code ${code}`})`));
  });
  if (child.connected) child.disconnect();
  if (failure === undefined) return record;
  await stopProcess(record);
  throw new Mom4cError('M4C_LAB', `${name} ${failure}, see ${record.logFile}:\n${tailOf(record.logFile)}`);
}

/**
 * Runs a program to its end. @param input of its standard input @returns the lines that it printed
 * @throws Mom4cError M4C_LAB
 */
export async function runVerb(
  start: Omit<ProgramStart, 'onStart' | 'namespace'>,
  input: string,
): Promise<string[]> {
  const logFile = join(start.folder, 'output.log');
  const options = {
    cwd: start.folder,
    env: { ...passedOn(), ...start.env },
    timeout: VERB_LIMIT_MS,
    maxBuffer: MAX_OUTPUT,
  };
  return new Promise((resolve, reject) => {
    const args = [programFile(start.program), ...start.args];
    const child = execFile(process.execPath, args, options, (cause, stdout, stderr) => {
      // What it prints may be a secret (a token); what it logs is not.
      appendFileSync(logFile, stderr);
      chmodSync(logFile, 0o600);
      if (!cause) return resolve(stdout.split('\n').slice(0, -1));
      const what = `${start.name} ${start.args[0] ?? ''} failed`;
      reject(
        new Mom4cError(
          'M4C_LAB',
          `${what}, see ${logFile}:\n${stderr.trimEnd().split('\n').slice(-8).join('\n')}`,
        ),
      );
    });
    // If it ends without reading, the callback has the reason.
    child.stdin!.on('error', () => {}).end(input);
  });
}

function isReady(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}

function passedOn(): Record<string, string> {
  const inherited = PASSED_ON.map((name) => [name, process.env[name] ?? '']).filter(([, value]) => value);
  return { NODE_COMPILE_CACHE: COMPILED, ...Object.fromEntries(inherited) };
}
