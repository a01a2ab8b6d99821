/** The outcomes of a command, for a person or a program, and the exit code that they amount to. */
import { EXIT, formatTable } from '@mom4c/core';
import type { Command } from '@mom4c/core';
import { problemsOf, resultsOf } from '@mom4c/member';
import type { Outcome } from '@mom4c/messaging';
import type { Format } from './formats.ts';
import { written, writtenInStream } from './written.ts';

export type Answer = { id: string; command: string; outcomes: readonly Outcome[] };

export function formatAnswer(command: Command, answer: Answer, format: Format): string {
  return written(answer, format, () => tablesOf(command, answer.outcomes));
}

/** One of many. */
export function formatDocument(command: Command, answer: Answer, format: Format): string {
  return writtenInStream(answer, format, () => tablesOf(command, answer.outcomes));
}

/** Silence is no success, and worse than a refusal: nobody knows what happened. */
export function exitCodeOf(outcomes: readonly Outcome[]): number {
  if (outcomes.some(({ state }) => state === 'no-answer')) return EXIT.noAnswer;
  if (outcomes.some(({ state }) => state !== 'ok')) return EXIT.partial;
  return EXIT.ok;
}

function tablesOf(command: Command, outcomes: readonly Outcome[]): string {
  const tables = [resultsOf(command, outcomes), problemsOf(outcomes)];
  return tables
    .filter((table) => table !== undefined)
    .map(({ columns, rows }) => formatTable(columns, rows))
    .join('\n');
}
