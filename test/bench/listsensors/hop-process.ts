/** One hop as the benchmark sees it: a process that is started, put under load, asked what it used, and ended. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { FromHop, HopStart, Load, Measured, ToHop } from './hop-protocol.ts';

export type Usage = {
  /** Seconds of processor time since its start. */
  readonly cpu: number;
  /** Questions to the directory since its start. */
  readonly lookups: number;
};

export type HopProcess = {
  readonly jid: string;
  load(load: Load): Promise<Measured>;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
};

const PROGRAM = join(import.meta.dirname, 'hop.ts');

/** @throws Error if it ends before it is ready */
export async function startHop(start: Omit<HopStart, 'type'>): Promise<HopProcess> {
  const child = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ready = answer(child, 'ready');
  tell(child, { type: 'start', ...start });
  const { jid } = await ready;
  const call = <T extends FromHop['type']>(message: ToHop, expected: T) => {
    const answered = answer(child, expected);
    tell(child, message);
    return answered;
  };
  return {
    jid,
    load: (load) => call({ type: 'load', ...load }, 'measured'),
    usage: () => call({ type: 'usage' }, 'usage'),
    stop() {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.disconnect();
      return ended;
    },
  };
}

function tell(child: ChildProcess, message: ToHop): void {
  child.send(message);
}

function answer<T extends FromHop['type']>(child: ChildProcess, type: T): Promise<FromHop & { type: T }> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: FromHop): void => {
      if (message.type !== type) return;
      child.off('exit', onExit);
      child.off('message', onMessage);
      resolve(message as FromHop & { type: T });
    };
    const onExit = (code: number | null): void => reject(new Error(`a hop ended by itself (${code})`));
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}
