/** Where a watched answer is shown: a table on a terminal is drawn anew, all else is one answer after the other. */
import type { Mom4cError } from '@mom4c/core';
import type { Format } from './formats.ts';
import { describe } from './terminal.ts';

export type Screen = {
  /** Resolves when it is written: who reads slowly is not overrun. */
  show(text: string): Promise<void>;
  /** To standard error, or on the terminal until the next answer. */
  trouble(error: Mom4cError): void;
};

/** @param onClosed nobody reads any more, as after `| head` */
export function screenOn(stream: NodeJS.WriteStream, format: Format, onClosed: () => void): Screen {
  stream.on('error', onClosed);
  const write: Write = (text) => new Promise((resolve) => stream.write(text, () => resolve()));
  return stream.isTTY && format === 'table' ? terminal(stream, write) : plain(format, write);
}

type Write = (text: string) => Promise<void>;

function plain(format: Format, write: Write): Screen {
  let first = true;
  return {
    show(text) {
      // JSON Lines and YAML documents stand by themselves.
      const head = format === 'table' ? `${first ? '' : '\n'}${new Date().toISOString()}\n` : '';
      first = false;
      return write(`${head}${text}`);
    },
    trouble: (error) => void process.stderr.write(`mom4c: ${describe(error)}; trying on\n`),
  };
}

/** Lines that are too long are cut, so that the number of lines is known. */
const NO_WRAP = '\u001b[?7l';
const WRAP = '\u001b[?7h';
const HOME_AND_CLEAR = '\u001b[H\u001b[J';

function terminal(stream: NodeJS.WriteStream, write: Write): Screen {
  let last: readonly string[] = [];
  const draw = (lines: readonly string[]): Promise<void> => {
    const room = Math.max(3, (stream.rows ?? 24) - 2);
    const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), more(lines.length - room + 1)];
    const head = `${new Date().toTimeString().slice(0, 8)}  (Ctrl-C ends)`;
    return write(`${NO_WRAP}${HOME_AND_CLEAR}${head}\n${shown.join('\n')}\n${WRAP}`);
  };
  return {
    show(text) {
      last = text.trimEnd().split('\n');
      return draw(last);
    },
    trouble: (error) => void draw([`! ${describe(error)}; trying on`, '', ...last]),
  };
}

function more(lines: number): string {
  return `… ${lines} more lines; a larger window shows them, --target or --label asks fewer nodes`;
}
