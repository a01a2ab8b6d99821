/**
 * What became of a command, for a person with any XMPP client: a table (XEP-0004), and the same as the text of a note,
 * since many clients show no other results, and only the first note. Silence is said as well.
 */
import { formatTable, printable } from '@mom4c/core';
import type { Command, Table } from '@mom4c/core';
import { notesOf, problemsOf, resultsOf } from '@mom4c/member';
import type { Outcome } from '@mom4c/messaging';
import type { Completed, Note } from '@mom4c/xmpp';

/** Octets of the values as they are sent, where one octet may have become three, with what XML adds to each. Together with the note less than a stanza, which has 256 KiB. */
const MAX_TABLE = 140_000;
const CELL_OVERHEAD = 48;
/** Of each table in the note. */
const MAX_LINES = 100;
const MAX_CELL = 80;
const MAX_NOTE = 60_000;

/** @param outcomes results that fit the schema of the command */
export function completedOf(command: Command, outcomes: readonly Outcome[]): Completed {
  const results = resultsOf(command, outcomes);
  const fitting = results && asManyAsFit(results);
  const note: Note = { type: noteTypeOf(outcomes), text: textOf(command, outcomes, results, fitting) };
  if (!fitting) return { note };
  const columns = fitting.columns.map((label) => ({ name: label.replaceAll(/[^a-z0-9]+/g, '-'), label }));
  return { note, table: { title: command.name, columns, rows: fitting.rows } };
}

function asManyAsFit({ columns, rows }: Table): Table {
  let size = 0;
  const end = rows.findIndex((row) => {
    for (const cell of row) size += octetsOf(printable(cell)) + CELL_OVERHEAD;
    return size > MAX_TABLE;
  });
  return { columns, rows: end < 0 ? rows : rows.slice(0, end) };
}

/** Escaped as the least frugal server does it. */
function octetsOf(text: string): number {
  const escapes = text.match(/[&<>'"]/g)?.length ?? 0;
  return Buffer.byteLength(text) + escapes * 5;
}

/** Silence is worse than a refusal, and so is a node that stopped while it acted: nobody knows what happened. */
function noteTypeOf(outcomes: readonly Outcome[]): Note['type'] {
  if (outcomes.every(({ state }) => state === 'ok')) return 'info';
  return outcomes.some(({ state }) => state === 'no-answer' || state === 'unknown') ? 'error' : 'warn';
}

function textOf(
  command: Command,
  outcomes: readonly Outcome[],
  results: Table | undefined,
  fitting: Table | undefined,
): string {
  const done = outcomes.filter(({ state }) => state === 'ok').length;
  const left = (results?.rows.length ?? 0) - (fitting?.rows.length ?? 0);
  const parts = [
    `${done} of ${outcomes.length} did it`,
    ...(left > 0 ? [`${left} rows do not fit and are left out: ask fewer task executors at once`] : []),
    ...[fitting, problemsOf(outcomes)].filter((table) => table !== undefined).map(linesOf),
    ...notesOf(command, outcomes).map(printable),
  ];
  const text = parts.join('\n');
  return octetsOf(text) > MAX_NOTE ? `${parts[0]}; too much for a text` : text;
}

function linesOf({ columns, rows }: Table): string {
  const shown = rows.slice(0, MAX_LINES).map((row) => row.map(clipped));
  const more = rows.length > shown.length ? `… and ${rows.length - shown.length} more\n` : '';
  return `${formatTable(columns, shown)}${more}`;
}

function clipped(cell: string): string {
  return cell.length > MAX_CELL ? `${cell.slice(0, MAX_CELL - 1)}…` : cell;
}
