/** `mom4c events --watch`: each event as it happens, until Ctrl-C, or until nobody reads any more. */
import { eventRow, timeIn } from '@mom4c/commands';
import { Mom4cError, parseArguments, printable, systemClock } from '@mom4c/core';
import type { Command, EventRecord, EventSeverity } from '@mom4c/core';
import { EventWatcher } from '@mom4c/member';
import { withMember } from './connection.ts';
import type { Format } from './formats.ts';
import { logIn } from './perform.ts';
import type { PerformOptions } from './perform.ts';
import { loadProfile } from './profile.ts';
import { describe } from './terminal.ts';
import { writtenInStream } from './written.ts';

type Args = { since?: string; severity?: EventSeverity; before?: string };

export async function watchEvents(
  command: Command,
  rawArgs: unknown,
  { output, verbose = false, ...where }: PerformOptions,
): Promise<void> {
  const { since, severity, before } = parseArguments(command, rawArgs) as Args;
  if (before !== undefined)
    throw new Mom4cError('M4C_BAD_ARGUMENTS', '--before is about what was, --watch about what will be');
  const out = process.stdout;
  const ended = new AbortController();
  // As after `| head`.
  out.on('error', () => ended.abort());
  const say = (text: string): void => void process.stderr.write(`mom4c: ${text}\n`);
  await withMember(await loadProfile(where), verbose, async (member) => {
    const session = member.session(
      `cli-${process.pid}-${Buffer.from(member.random.bytes(4)).toString('hex')}`,
    );
    const signal = AbortSignal.any([member.signal, ended.signal]);
    const end = ({ error }: { error: Mom4cError }): void => ended.abort(error);
    session.on('conflict', end);
    session.on('fatal', end);
    const watcher = new EventWatcher(member, session, {
      severity,
      since: since === undefined ? undefined : timeIn(since, systemClock.now()),
      onEvent: (event) => new Promise((resolve) => out.write(lineOf(event, output), () => resolve())),
      onGap: (after) => say(`some events may be missing${after === undefined ? '' : ` after ${after}`}`),
      onTrouble: (error) => say(`${describe(error)}; trying on`),
      onWatching: () => say('watching'),
    });
    try {
      await logIn(member, session);
      await watcher.run(signal);
    } finally {
      await session.stop();
    }
    if (signal.reason instanceof Mom4cError) throw signal.reason;
  });
}

/** Columns as wide as most are: the next one is not known yet. */
const WIDTHS = [24, 8, 17, 8, 5];

function lineOf(event: EventRecord, format: Format): string {
  const row = (): string => {
    const cells = eventRow(event).map((cell, index) => printable(cell).padEnd(WIDTHS[index] ?? 0));
    return `${cells.join('  ').trimEnd()}\n`;
  };
  return writtenInStream(event, format, row);
}
