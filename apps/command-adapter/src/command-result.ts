/** What became of a command, as a table and notes for a person with any XMPP client. Silence is said as well. */
import { ERRORS, isErrorCode } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';
import type { Completed, Note, ResultTable } from '@mom4c/xmpp';

/** Characters of all values, with what XML adds to each; a stanza has at most 256 KiB. */
const MAX_TABLE = 160_000;
const CELL_OVERHEAD = 48;
const MAX_NOTES = 50;

/** @param outcomes results that fit the schema of the command */
export function completedOf(command: Command, outcomes: readonly Outcome[]): Completed {
  const { table, left } = tableOf(command, outcomes);
  const problems = outcomes.filter(({ state }) => state !== 'ok').map(problemNote);
  const shown = problems.slice(0, MAX_NOTES);
  const notes: Note[] = [{ type: 'info', text: summaryOf(outcomes) }, ...shown];
  if (problems.length > shown.length)
    notes.push({ type: 'error', text: `${problems.length - shown.length} more did not do it` });
  if (left > 0) notes.push({ type: 'warn', text: `${left} rows left out: ask fewer task executors at once` });
  return { table, notes };
}

function tableOf(
  command: Command,
  outcomes: readonly Outcome[],
): { table: ResultTable | undefined; left: number } {
  const { columns, rows } = command.table;
  const done = outcomes.filter(({ state }) => state === 'ok');
  if (done.length === 0) return { table: undefined, left: 0 };
  // What the manager itself answers has one outcome, whose target would say nothing.
  const single = command.runsOn === 'cm';
  const all = done.flatMap(({ target, result }) =>
    rows(result).map((row) => (single ? row : [target, ...row])),
  );
  const names = single ? columns : ['node', ...columns];
  const fitting = asManyAsFit(all);
  const table = {
    title: command.name,
    columns: names.map((label) => ({ name: label.replaceAll(/[^a-z0-9]+/g, '-'), label })),
    rows: fitting,
  };
  return { table, left: all.length - fitting.length };
}

function asManyAsFit(rows: readonly (readonly string[])[]): readonly (readonly string[])[] {
  let size = 0;
  const end = rows.findIndex((row) => {
    for (const cell of row) size += octetsOf(cell) + CELL_OVERHEAD;
    return size > MAX_TABLE;
  });
  return end < 0 ? rows : rows.slice(0, end);
}

/** Escaped as the least frugal server does it. */
function octetsOf(text: string): number {
  const escapes = text.match(/[&<>'"]/g)?.length ?? 0;
  return Buffer.byteLength(text) + escapes * 5;
}

function summaryOf(outcomes: readonly Outcome[]): string {
  const done = outcomes.filter(({ state }) => state === 'ok').length;
  return `${done} of ${outcomes.length} did it`;
}

function problemNote({ target, state, error }: Outcome): Note {
  const code = error?.code ?? 'M4C_PEER';
  const text = isErrorCode(code) ? ERRORS[code].text : '';
  const detail = error?.detail === undefined ? '' : ` ${error.detail}`;
  return {
    type: state === 'no-answer' ? 'warn' : 'error',
    text: `${target}: ${state}, ${code}: ${text}${detail}`,
  };
}
