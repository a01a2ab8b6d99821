/** What became of a command, as every door shows it. */
import { ERRORS, checkResult } from '@mom4c/core';
import type { Command, Table } from '@mom4c/core';
import type { Outcome } from '@mom4c/messaging';

/** A result came through our manager, but a device made it: its shape is checked here once more. */
export function checkedOutcomes(command: Command, outcomes: readonly Outcome[]): Outcome[] {
  return outcomes.map((outcome) => {
    if (outcome.state !== 'ok') return outcome;
    try {
      return { ...outcome, result: checkResult(command, outcome.result) };
    } catch {
      return { target: outcome.target, state: 'failed', error: { code: 'M4C_BAD_RESULT' } };
    }
  });
}

/** The results, if there are any. @param outcomes checked ones */
export function resultsOf(command: Command, outcomes: readonly Outcome[]): Table | undefined {
  const { columns, rows } = command.table;
  const done = outcomes.filter(({ state }) => state === 'ok');
  if (done.length === 0) return undefined;
  // What the manager itself answers has one outcome, whose target would say nothing.
  if (command.runsOn === 'cm') return { columns, rows: done.flatMap(({ result }) => rows(result)) };
  const body = done.flatMap(({ target, result }) => rows(result).map((row) => [target, ...row]));
  return { columns: ['node', ...columns], rows: body };
}

/** What is to be said of the results as a whole. @param outcomes checked ones */
export function notesOf({ table }: Command, outcomes: readonly Outcome[]): string[] {
  const done = outcomes.filter(({ state }) => state === 'ok');
  return done.flatMap(({ result }) => table.notes?.(result) ?? []);
}

/** Whoever did not do it, and why, if there is anybody. */
export function problemsOf(outcomes: readonly Outcome[]): Table | undefined {
  const rows = outcomes.filter(({ state }) => state !== 'ok').map(problemRow);
  return rows.length === 0 ? undefined : { columns: ['node', 'outcome', 'reason'], rows };
}

function problemRow({ target, state, error }: Outcome): string[] {
  if (!error) return [target, state, ''];
  const text = `${error.code}: ${ERRORS[error.code].text}`;
  return [target, state, error.detail === undefined ? text : `${text} (${error.detail})`];
}
