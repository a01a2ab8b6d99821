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

/** @throws Error if it ends before it is ready, and so does whatever is asked of it after it has ended */
export async function startHop(start: Omit<HopStart, 'type'>): Promise<HopProcess> {
  const child = fork(PROGRAM, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const ended = new Promise<never>((_resolve, reject) =>
    child.once('exit', (code, signal) => reject(new Error(`a hop has ended (${signal ?? code})`))),
  );
  // It may end while nothing is asked of it.
  ended.catch(() => {});
  const call = <T extends FromHop['type']>(message: ToHop, expected: T): Promise<FromHop & { type: T }> => {
    const answered = answer(child, expected);
    if (child.connected) child.send(message);
    return Promise.race([answered, ended]);
  };
  const { jid } = await call({ type: 'start', ...start }, 'ready');
  return {
    jid,
    load: (load) => call({ type: 'load', ...load }, 'measured'),
    usage: () => call({ type: 'usage' }, 'usage'),
    async stop() {
      if (child.connected) child.disconnect();
      await ended.catch(() => {});
    },
  };
}

/** One question at a time is asked of a hop, so the next message of that type is the answer. */
function answer<T extends FromHop['type']>(child: ChildProcess, type: T): Promise<FromHop & { type: T }> {
  return new Promise((resolve) => {
    const onMessage = (message: FromHop): void => {
      if (message.type !== type) return;
      child.off('message', onMessage);
      resolve(message as FromHop & { type: T });
    };
    child.on('message', onMessage);
  });
}
