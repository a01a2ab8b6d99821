/** A program of a benchmark in a process of its own, which is told things and says things over Node's IPC. */
import { fork } from 'node:child_process';

type Message = { readonly type: string };

export type Forked<To, From extends Message> = {
  /** The next message of that type is the answer: one question at a time.
   *  @throws Error if the process has ended */
  call<T extends From['type']>(message: To, expected: T): Promise<From & { type: T }>;
  /** The next message of that type. @throws Error if the process has ended */
  next<T extends From['type']>(type: T): Promise<From & { type: T }>;
  /** It ends when it is left alone; resolves when it has. */
  stop(): Promise<void>;
};

/** @param program path; it ends by itself on `disconnect` */
export function startForked<To extends object, From extends Message>(program: string): Forked<To, From> {
  const child = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], serialization: 'advanced' });
  const ended = new Promise<never>((_resolve, reject) =>
    child.once('exit', (code, signal) => reject(new Error(`${program} has ended (${signal ?? code})`))),
  );
  // It may end while nothing is asked of it.
  ended.catch(() => {});
  const next = <T extends From['type']>(type: T): Promise<From & { type: T }> => {
    const said = new Promise<From & { type: T }>((resolve) => {
      const onMessage = (message: From): void => {
        if (message.type !== type) return;
        child.off('message', onMessage);
        resolve(message as From & { type: T });
      };
      child.on('message', onMessage);
    });
    return Promise.race([said, ended]);
  };
  return {
    next,
    call(message, expected) {
      const answered = next(expected);
      if (child.connected) child.send(message);
      return answered;
    },
    async stop() {
      if (child.connected) child.disconnect();
      await ended.catch(() => {});
    },
  };
}
