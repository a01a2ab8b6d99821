/** The log of a node as a test reads it: what it says after a mark, awaited by the file's own events. */
import { StringDecoder } from 'node:string_decoder';
import { whenWritten } from '@mom4c/lab';
import { octetsFrom } from './octets-from.ts';

export type LogLine = {
  readonly msg: string;
  readonly code?: string;
  readonly detail?: string;
  /** Who sent what was refused. */
  readonly from?: string;
  readonly id?: string;
  readonly executor?: string;
  readonly command?: string;
  readonly by?: string;
  readonly attestedBy?: string;
  readonly state?: string;
  readonly partner?: string;
  /** Of a log-in to a partner, or of a partner: see thirteen-steps.ts. */
  readonly step?: number;
  readonly direction?: 'in' | 'out';
  /** Of `refused more`. */
  readonly count?: number;
};

/** How many lines there were. */
export type Mark = number;

export type NodeLog = {
  mark(): Mark;
  since(mark: Mark): readonly LogLine[];
  /** The first `count` lines after the mark that fit, as soon as there are so many. */
  next(mark: Mark, what: string, fits: (line: LogLine) => boolean, count?: number): Promise<LogLine[]>;
};

export function openNodeLog(file: string): NodeLog {
  const all = growingLines(file);
  const since = (mark: Mark): readonly LogLine[] => all().slice(mark);
  return {
    since,
    mark: () => all().length,
    next: (mark, what, fits, count = 1) =>
      whenWritten(file, what, () => {
        const found = since(mark).filter(fits);
        return found.length < count ? undefined : found.slice(0, count);
      }),
  };
}

/** What has been added is read each time, without a last line that is still being written. */
function growingLines(file: string): () => readonly LogLine[] {
  const lines: LogLine[] = [];
  const decoder = new StringDecoder('utf8');
  let offset = 0;
  let partial = '';
  return () => {
    const added = octetsFrom(file, offset);
    offset += added.length;
    const parts = `${partial}${decoder.write(added)}`.split('\n');
    partial = parts.pop()!;
    for (const line of parts)
      lines.push(line.startsWith('{') ? (JSON.parse(line) as LogLine) : { msg: line });
    return lines;
  };
}
