import { Mom4cError } from '@mom4c/core';
import { signalProcess, stopProcess } from './keeper.ts';
import type { ProcessRecord, StopOptions } from './keeper.ts';
import type { ComponentState } from './lab-state.ts';
import { LOOPBACK } from './ports.ts';
import { isAlive } from './process-table.ts';
import type { OnStart } from './server.ts';

/** A server or a node of a domain. It keeps its data, name and port over stop and start. */
export type Component = {
  readonly name: string;
  readonly kind: ComponentState['kind'];
  /** Where it listens: nodes, with their health endpoint, on loopback (of their machine). */
  readonly host: string;
  readonly port: number;
  /** The last one; undefined after `stop`. */
  readonly process: ProcessRecord | undefined;
  readonly running: boolean;
  /** Resolves when it is ready. @throws Mom4cError M4C_LAB if it runs already, or does not come up */
  start(): Promise<void>;
  /** Ends it with its children: as asked to, or at once by `signal: 'SIGKILL'`. Nothing happens if it does not run. */
  stop(options?: StopOptions): Promise<void>;
  /** E.g. SIGSTOP and SIGCONT. @returns false if it does not run */
  signal(signal: NodeJS.Signals): boolean;
};

/** @param launch starts it, and calls back with its process as soon as there is one */
export function component(
  state: ComponentState,
  save: () => void,
  launch: (onStart: OnStart) => Promise<unknown>,
  host = LOOPBACK,
): Component {
  const running = () => state.process !== undefined && isAlive(state.process);
  return {
    name: state.name,
    kind: state.kind,
    host,
    port: state.port,
    get process() {
      return state.process;
    },
    get running() {
      return running();
    },
    async start() {
      if (running()) throw new Mom4cError('M4C_LAB', `${state.name} runs already`);
      // It may have died and left children.
      if (state.process) await stopProcess(state.process);
      await launch((process) => {
        state.process = process;
        save();
      });
    },
    async stop(options) {
      if (state.process) await stopProcess(state.process, options);
      delete state.process;
      save();
    },
    signal: (signal) => state.process !== undefined && signalProcess(state.process, signal),
  };
}
