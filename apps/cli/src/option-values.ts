/** What options may hold, checked while the command line is read. */
import { InvalidArgumentError } from 'commander';
import { MAX_LABEL_TERMS, Mom4cError, isNodeName, parseDuration, parseLabelTerm } from '@mom4c/core';

export function targets(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !isNodeName(name));
  if (wrong !== undefined) throw new InvalidArgumentError(`not the name of a node: ${JSON.stringify(wrong)}`);
  return names;
}

/** @param before what the same option has given already */
export function labelTerms(text: string, before: readonly string[] = []): string[] {
  const all = [...before, ...text.split(',')];
  try {
    all.forEach(parseLabelTerm);
  } catch (error) {
    if (!(error instanceof Mom4cError)) throw error;
    throw new InvalidArgumentError(error.detail ?? error.message);
  }
  if (all.length > MAX_LABEL_TERMS) throw new InvalidArgumentError(`at most ${MAX_LABEL_TERMS} of them`);
  return all;
}

/** As the protocol bounds it. */
export const timeout = duration('100ms', '10m', 'such as 5s');

/** More often than that nothing is read; less often is the work of a scheduler. */
export const interval = duration('250ms', '1d', 'such as 5s');

function duration(least: string, most: string, example: string): (text: string) => number {
  return (text) => {
    try {
      const ms = parseDuration(text);
      if (ms >= parseDuration(least) && ms <= parseDuration(most)) return ms;
    } catch (error) {
      if (!(error instanceof Mom4cError)) throw error;
    }
    throw new InvalidArgumentError(`a duration from ${least} to ${most}, ${example}`);
  };
}
