/** What reaches a person's terminal. Texts of devices are hostile until they have passed `printable`. */
import { printable } from '@mom4c/core';
import type { Mom4cError } from '@mom4c/core';

/** JSON lets most of what steers a terminal stand as it is; escaped it says the same. */
export function printableJson(json: string): string {
  return json.replace(/[\p{Cf}\p{Zl}\p{Zp}\p{Co}\u007F-\u009F]/gu, (hostile) =>
    Array.from({ length: hostile.length }, (_, index) => hostile.charCodeAt(index))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

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
