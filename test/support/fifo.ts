/** A FIFO in place of a device's file: what is written to it shows, value by value, in order. */
import { execFileSync } from 'node:child_process';
import { constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';

export type Fifo = {
  /** Each line that was written, since it was made. */
  readonly lines: readonly string[];
  /** Resolves as soon as there are so many. */
  reaches(count: number): Promise<readonly string[]>;
  /** From now on whoever opens it for writing waits. */
  block(): Promise<void>;
  /** Whoever waits goes on. */
  unblock(): void;
  close(): Promise<void>;
};

/** In place of the file that is there. */
export function makeFifo(path: string): Fifo {
  rmSync(path, { force: true });
  execFileSync('mkfifo', [path]);
  const lines: string[] = [];
  let partial = '';
  let changed = Promise.withResolvers<void>();
  let reader: Socket | undefined;
  const read = (octets: Buffer): void => {
    const parts = `${partial}${octets.toString()}`.split('\n');
    partial = parts.pop()!;
    lines.push(...parts);
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const unblock = (): void => {
    // For writing as well, so that it does not end when a writer closes it.
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    reader = new Socket({ fd, readable: true, writable: false }).on('data', read);
  };
  const block = async (): Promise<void> => {
    const closing = reader;
    reader = undefined;
    if (!closing) return;
    const closed = new Promise((resolve) => closing.once('close', resolve));
    closing.destroy();
    await closed;
  };
  unblock();
  return {
    lines,
    async reaches(count) {
      while (lines.length < count) await changed.promise;
      return lines;
    },
    block,
    unblock,
    close: block,
  };
}
