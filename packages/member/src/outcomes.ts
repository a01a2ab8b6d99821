import { checkResult } from '@mom4c/core';
import type { Command } from '@mom4c/core';
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
