/** The outcomes of a command, for a person or a program, and the exit code that they amount to. */
import { ERRORS, EXIT } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';
import type { Format } from './formats.ts';
import { formatTable } from './table.ts';
import { written, writtenInStream } from './written.ts';

export type Answer = { id: string; command: string; outcomes: readonly Outcome[] };

export function formatAnswer(command: Command, answer: Answer, format: Format): string {
  return written(answer, format, () => tableOf(command, answer.outcomes));
}

/** One of many. */
export function formatDocument(command: Command, answer: Answer, format: Format): string {
  return writtenInStream(answer, format, () => tableOf(command, answer.outcomes));
}

/** Silence is no success, and worse than a refusal: nobody knows what happened. */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  if (outcomes.some(({ state }) => state === 'no-answer')) return EXIT.noAnswer;
  if (outcomes.some(({ state }) => state !== 'ok')) return EXIT.partial;
  return EXIT.ok;
}

function tableOf(command: Command, outcomes: readonly Outcome[]): string {
  const { columns, rows } = command.table;
  const done = outcomes.filter(({ state }) => state === 'ok');
  // What the manager itself answers has one outcome, whose target would say nothing.
  const single = command.runsOn === 'cm';
  const body = done.flatMap(({ target, result }) =>
    rows(result).map((row) => (single ? row : [target, ...row])),
  );
  const parts = done.length > 0 ? [formatTable(single ? columns : ['node', ...columns], body)] : [];
  const others = outcomes.filter(({ state }) => state !== 'ok');
  if (others.length > 0) parts.push(formatTable(['node', 'outcome', 'reason'], others.map(problemRow)));
  return parts.join('\n');
}

function problemRow({ target, state, error }: Outcome): string[] {
  if (!error) return [target, state, ''];
  const text = `${error.code}: ${ERRORS[error.code].text}`;
  return [target, state, error.detail === undefined ? text : `${text} (${error.detail})`];
}
