/** What a child process writes, as records of our log: bounded in the length of a line and in lines a second. */
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import { systemClock, type Clock, type Log } from '@mom4c/core';

/** Octets; the rest of a longer line is dropped. */
const MAX_LINE = 4096;
const MAX_TEXT = 1000;
const MAX_LINES = 100;
const PER_MS = 1000;

/** Reads standard output and error of a child. `write` gets at most 100 lines a second; the log tells how many more
 *  there were. A line for which `consume` returns true is neither counted nor written. */
export function readOutput(
  child: ChildProcess,
  options: {
    readonly name: string;
    readonly log: Log;
    readonly write: (line: string, from: 'stdout' | 'stderr') => void;
    readonly consume?: (line: string) => boolean;
    readonly clock?: Clock;
  },
): void {
  const { name, log, write, consume } = options;
  const cap = rateCap(options.clock ?? systemClock, (lines) =>
    log.warn({ process: name, pid: child.pid, lines }, `suppressed ${lines} lines`),
  );
  for (const from of ['stdout', 'stderr'] as const)
    readLines(child[from]!, (line) => {
      if (from === 'stdout' && consume?.(line)) return;
      if (line !== '' && cap.passes()) write(line, from);
    });
  child.once('close', () => cap.end());
}

/**
 * Makes the log of an agent part of ours. Everything that the agent chose is in `agentFields`, so that it cannot pass
 * for what we say.
 * @returns a promise that resolves once the agent has written the line `ready` to its standard output
 */
export function forwardAgentLog(
  child: ChildProcess,
  options: { readonly agent: string; readonly ready: string; readonly log: Log; readonly clock?: Clock },
): Promise<void> {
  const { agent, log } = options;
  const ready = Promise.withResolvers<void>();
  readOutput(child, {
    ...options,
    name: agent,
    consume(line) {
      if (line !== options.ready) return false;
      ready.resolve();
      return true;
    },
    write(line, from) {
      const origin = { agent, agentPid: child.pid };
      const record = from === 'stdout' ? parseRecord(line) : undefined;
      if (record) log[record.level]({ ...origin, agentFields: record.fields }, cut(record.message));
      else log.warn({ ...origin, text: cut(line) }, 'agent');
    },
  });
  return ready.promise;
}

type AgentRecord = { level: keyof Log; message: string; fields: object | string };

function parseRecord(line: string): AgentRecord | undefined {
  let record: Record<string, unknown> | null;
  try {
    record = JSON.parse(line) as Record<string, unknown> | null;
  } catch {
    return undefined;
  }
  if (typeof record?.['msg'] !== 'string') return undefined;
  const { level, msg, time: _time, name: _name, pid: _pid, ...fields } = record;
  const text = JSON.stringify(fields);
  return {
    level: level === 'error' || level === 'warn' || level === 'debug' ? level : 'info',
    message: msg as string,
    fields: text.length > MAX_TEXT ? cut(text) : fields,
  };
}

function cut(text: string): string {
  return text.slice(0, MAX_TEXT);
}

/** Calls back with each line, without its end and without what is beyond 4096 octets. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const line = Buffer.alloc(MAX_LINE);
  let length = 0;
  const take = (part: Buffer): void => {
    length += part.copy(line, length);
  };
  const end = (): void => {
    const text = line.toString('utf8', 0, length);
    length = 0;
    onLine(text.endsWith('\r') ? text.slice(0, -1) : text);
  };
  stream.on('data', (chunk: Buffer) => {
    let from = 0;
    for (let to = chunk.indexOf(10); to >= 0; to = chunk.indexOf(10, from)) {
      take(chunk.subarray(from, to));
      end();
      from = to + 1;
    }
    take(chunk.subarray(from));
  });
  stream.once('end', () => {
    if (length > 0) end();
  });
}

/** `suppressed` gets the number of lines that did not pass, at the end of their second. */
function rateCap(clock: Clock, suppressed: (lines: number) => void): { passes(): boolean; end(): void } {
  let start = clock.monotonic();
  let count = 0;
  let cancel: (() => void) | undefined;
  const end = (): void => {
    cancel?.();
    cancel = undefined;
    if (count > MAX_LINES) suppressed(count - MAX_LINES);
    start = clock.monotonic();
    count = 0;
  };
  return {
    passes() {
      const passed = clock.monotonic() - start;
      if (passed >= PER_MS) end();
      count++;
      if (count <= MAX_LINES) return true;
      cancel ??= clock.after(PER_MS - passed, end);
      return false;
    },
    end,
  };
}
