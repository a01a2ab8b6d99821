/** What reaches a person's terminal. Texts of devices are hostile until they have passed `printable`. */
import { printable } from '@mom4c/core';
import type { Mom4cError } from '@mom4c/core';

/** In one line. */
export function describe({ message, correlation }: Mom4cError): string {
  return printable(correlation === undefined ? message : `${message} (correlation id ${correlation})`);
}

export function printError(error: Mom4cError): void {
  process.stderr.write(`mom4c: ${describe(error)}\n  → ${error.entry.fix}\n`);
}

/** One line that is overwritten as things go on; nothing where nobody watches. */
export type Progress = { show(text: string): void; end(): void };

export function progressOn(stream: NodeJS.WriteStream): Progress {
  if (!stream.isTTY) return { show() {}, end() {} };
  return {
    show: (text) => void stream.write(`\r\u001b[K${printable(text).slice(0, (stream.columns ?? 80) - 1)}`),
    end: () => void stream.write('\r\u001b[K'),
  };
}
