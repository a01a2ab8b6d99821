/** The outcomes of a command, for a person or a program, and the exit code that they amount to. */
import { ERRORS, EXIT, formatTable, printable } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import { notesOf, problemsOf, resultsOf } from '@mom4c/member';
import type { Outcome } from '@mom4c/messaging';
import type { Format } from './formats.ts';
import { written, writtenInStream } from './written.ts';

export type Answer = { id: string; command: string; outcomes: readonly Outcome[] };

export function formatAnswer(command: Command, answer: Answer, format: Format): string {
  return written(
    answer,
    format,
    () => textOf(command, answer.outcomes) ?? tablesOf(command, answer.outcomes),
  );
}

/** One of many. */
export function formatDocument(command: Command, answer: Answer, format: Format): string {
  return writtenInStream(answer, format, () => tablesOf(command, answer.outcomes));
}

/** Silence is no success, and worse than a refusal: nobody knows what happened. What the manager did not do itself has no
 *  part that went well: its error is that of the whole. */
export function exitCodeOf({ runsOn }: Pick<Command, 'runsOn'>, outcomes: readonly Outcome[]): number {
  const [first] = outcomes;
  if (runsOn === 'cm' && first?.state === 'failed' && first.error) return ERRORS[first.error.code].exit;
  if (outcomes.some(({ state }) => state === 'no-answer')) return EXIT.noAnswer;
  if (outcomes.some(({ state }) => state !== 'ok')) return EXIT.partial;
  return EXIT.ok;
}

/** A result that is a text of its own. */
function textOf({ text }: Command, outcomes: readonly Outcome[]): string | undefined {
  if (!text || outcomes.some(({ state }) => state !== 'ok')) return undefined;
  const lines = outcomes.flatMap(({ result }) => text(result).split('\n'));
  return lines.map(printable).join('\n');
}

function tablesOf(command: Command, outcomes: readonly Outcome[]): string {
  const tables = [resultsOf(command, outcomes), problemsOf(outcomes)];
  const shown = tables
    .filter((table) => table !== undefined)
    .map(({ columns, rows }) => formatTable(columns, rows));
  const notes = notesOf(command, outcomes).map((note) => `${printable(note)}\n`);
  return [...shown, ...notes].join('\n');
}
