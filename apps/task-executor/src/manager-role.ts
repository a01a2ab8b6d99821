/**
 * The manager that this node may become: the program of the cluster manager, as a process of its own that does not outlive
 * this one.
 *
 * INVARIANTS:
 * - It runs only while that is wished for. The wish is on the disk before anything is done about it, and is followed again
 *   after a restart.
 * - At most one process; wishes are followed one after the other, each to its end.
 */
import { readFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readLines, superviseProcess } from '@mom4c/bus';
import type { SupervisedProcess } from '@mom4c/bus';
import { Mom4cError, NODE_ROLES, isNodeName } from '@mom4c/core';
import type { Log, NodeManagerPort, NodeManagerState, NodeRole } from '@mom4c/core';
import { MAX_LOAD } from '@mom4c/messaging';
import { readConfig, replaceFile } from '@mom4c/runtime';
import { compiledCode } from './compiled-code.ts';
import type { AnnouncedManager } from './membership.ts';

const PROGRAM = fileURLToPath(new URL('../../cluster-manager/src/main.ts', import.meta.url));

export type ManagerProgram = { readonly config: string; readonly program?: string | undefined };

export class ManagerRole implements NodeManagerPort {
  readonly name: string;
  readonly #node: string;
  readonly #file: string;
  readonly #program: ManagerProgram;
  readonly #log: Log;
  readonly #onChange: () => void;
  #wish: NodeRole;
  #state: NodeManagerState = 'off';
  /** Has it ended by itself since it was told to start? */
  #died = false;
  #process: SupervisedProcess | undefined;
  #starts = 0;
  #stopped = false;
  #work: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<() => void>();

  private constructor(
    name: string,
    node: { name: string; state: string },
    program: ManagerProgram,
    log: Log,
    onChange: () => void,
  ) {
    this.name = name;
    this.#node = node.name;
    this.#file = join(node.state, 'manager-role');
    this.#program = program;
    this.#log = log;
    this.#onChange = onChange;
    this.#wish = readWish(this.#file);
  }

  /** Starts nothing yet. @throws Mom4cError M4C_CONFIG if the manager's configuration names nobody */
  static open(
    node: { name: string; state: string },
    program: ManagerProgram,
    log: Log,
    onChange: () => void,
  ): ManagerRole {
    // Whether all of it is right, the manager itself says when it starts.
    const { name } = readConfig(program.config);
    if (typeof name !== 'string' || !isNodeName(name))
      throw new Mom4cError('M4C_CONFIG', `manager.config: ${program.config} gives no name`);
    return new ManagerRole(name, node, program, log, onChange);
  }

  get state(): NodeManagerState {
    return this.#state;
  }

  /** How often it was started, by this process. */
  get starts(): number {
    return this.#starts;
  }

  announced(): AnnouncedManager {
    const load = Math.min(MAX_LOAD, (loadavg()[0] ?? 0) / availableParallelism());
    return { name: this.name, role: this.#wish, state: this.#state, load: Math.round(load * 100) / 100 };
  }

  /** As it was wished before the restart. */
  async resume(): Promise<void> {
    await this.#follow();
  }

  async take(role: NodeRole, signal: AbortSignal): Promise<string> {
    if (this.#wish !== role) {
      writeWish(this.#file, role);
      this.#wish = role;
      this.#log.info({ manager: this.name, role }, 'takes a role');
      this.#onChange();
    }
    await this.#follow();
    while (role !== 'te' && this.#wish !== 'te' && this.#state !== 'ready') await this.#change(signal);
    return this.name;
  }

  /** Ends the process; the wish stays. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#follow();
  }

  #follow(): Promise<void> {
    const work = this.#work.then(() => {
      const wanted = this.#wish !== 'te' && !this.#stopped;
      if (wanted && !this.#process) return this.#start();
      if (!wanted && this.#process) return this.#end();
      return undefined;
    });
    this.#work = work.catch(() => {});
    return work;
  }

  async #start(): Promise<void> {
    const { config, program = PROGRAM } = this.#program;
    this.#died = false;
    this.#become('starting');
    try {
      this.#process = await superviseProcess({
        name: 'cluster-manager',
        program: process.execPath,
        args: [program, '--config', config],
        env: { MOM4C_NODE: this.#node, ...compiledCode() },
        ipc: true,
        started: async (child) => this.#watch(child),
        log: this.#log,
      });
    } catch (thrown) {
      this.#become('off');
      throw thrown;
    }
  }

  async #end(): Promise<void> {
    const ending = this.#process;
    this.#process = undefined;
    await ending?.stop();
    this.#become('off');
  }

  /** Its start is not waited for here: a first one, with the enrolment, may take long. */
  #watch(child: ChildProcess): void {
    this.#starts += 1;
    child.stdin!.end();
    // Its log is one of our own programs, under its own name, and goes where ours goes.
    readLines(child.stdout!, (line) => process.stdout.write(`${line}\n`));
    readLines(child.stderr!, (line) => process.stderr.write(`${line}\n`));
    child.on('message', (message) => {
      if (isReady(message)) this.#become('ready');
    });
    child.once('exit', () => {
      if (!this.#process) return;
      this.#died = true;
      this.#become('starting');
    });
  }

  #become(state: NodeManagerState): void {
    for (const wake of this.#waiting) wake();
    if (this.#state === state) return;
    this.#state = state;
    this.#log.info({ manager: this.name, state }, 'the manager on this node');
    this.#onChange();
  }

  /** @throws Mom4cError M4C_AGENT_UNAVAILABLE, M4C_AGENT_TIMEOUT once the signal fires */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', late);
      };
      const wake = (): void => {
        end();
        resolve();
      };
      const late = (): void => {
        end();
        const code = this.#died ? 'M4C_AGENT_UNAVAILABLE' : 'M4C_AGENT_TIMEOUT';
        reject(new Mom4cError(code, `${this.name} is started, and not ready yet`));
      };
      if (signal.aborted) return late();
      this.#waiting.add(wake);
      signal.addEventListener('abort', late, { once: true });
    });
  }
}

/** Of a node whose settings name no manager. */
export const noManager: NodeManagerPort = {
  async take() {
    throw new Mom4cError('M4C_NOT_ELIGIBLE');
  },
};

/** As runtime's `notifyReady` says it. */
function isReady(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'type' in message && message.type === 'ready';
}

/** What cannot be read is no wish to be a manager. */
function readWish(file: string): NodeRole {
  try {
    const text = readFileSync(file, 'utf8');
    return NODE_ROLES.find((role) => text === `${role}\n`) ?? 'te';
  } catch {
    return 'te';
  }
}

/** @throws Mom4cError M4C_RECORD */
function writeWish(file: string, wish: NodeRole): void {
  try {
    replaceFile(file, `${wish}\n`);
  } catch (cause) {
    throw new Mom4cError('M4C_RECORD', 'the role cannot be written', { cause });
  }
}
