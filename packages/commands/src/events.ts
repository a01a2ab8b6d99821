/** What has happened in the domain, as the manager that leads remembers it. */
import * as z from 'zod';
import {
  EVENT_SEVERITIES,
  Mom4cError,
  defineCommand,
  eventSchema,
  isUuidv7,
  parseDuration,
} from '@mom4c/core';
import type { EventRecord } from '@mom4c/core';

const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?Z)?$/;

/** A time in UTC, or as long before `now`. @returns Unix milliseconds @throws Mom4cError M4C_BAD_ARGUMENTS */
export function timeIn(text: string, now: number): number {
  if (!DATE.test(text)) return now - parseDuration(text);
  const time = Date.parse(text);
  if (Number.isNaN(time)) throw new Mom4cError('M4C_BAD_ARGUMENTS', `not a time: ${text}`);
  return time;
}

export function isTime(text: string): boolean {
  try {
    return Number.isSafeInteger(timeIn(text, 0));
  } catch {
    return false;
  }
}

export const events = defineCommand({
  name: 'events',
  runsOn: 'cm',
  pushed: true,
  access: 'events:read',
  idempotent: true,
  summary: 'Show what has happened: nodes and managers that came, went, were lost or came back; alarms.',
  description:
    'The latest 1,000 events are remembered, as many as fit into one answer are shown, oldest first. With `--watch` each new one is ' +
    'shown as it happens, also from whoever takes over; where some may have been missed, that is said. See docs/events.md.',
  args: z.strictObject({
    since: z
      .string()
      .max(40)
      .refine(isTime, 'neither a duration such as 10m nor a time such as 2026-01-31T12:00:00Z')
      .optional()
      .describe('only what was noticed since then: a duration such as 10m, or a time in UTC'),
    severity: z
      .enum(EVENT_SEVERITIES)
      .optional()
      .describe('only what is at least as severe: info, warning or alarm'),
    before: z
      .string()
      .refine(isUuidv7, 'not the id of an event')
      .optional()
      .describe('only what is older than the event with this id'),
  }),
  result: z.strictObject({
    events: z.array(eventSchema).max(1000),
    older: z.int().nonnegative().describe('How many that were asked for did not fit'),
  }),
  errors: [],
  examples: [
    { line: 'mom4c events', does: 'shows the latest' },
    {
      line: 'mom4c events --since 1h --severity warning',
      does: 'shows warnings and alarms of the last hour',
    },
    { line: 'mom4c events --watch -o json', does: 'shows each new one as a line of JSON' },
  ],
  table: {
    columns: ['time', 'severity', 'kind', 'subject', 'by', 'text'],
    rows: (result) => result.events.map(eventRow),
    notes: ({ events: [first], older }) =>
      older > 0 && first
        ? [`${older} older ${older === 1 ? 'one is' : 'ones are'} shown by --before ${first.id}.`]
        : [],
  },
  run: async ({ since, severity, before }, { events: port, clock }) => {
    const found = port.recent({
      ...{ severity, before },
      since: since === undefined ? undefined : timeIn(since, clock.now()),
    });
    return { events: [...found.events], older: found.older };
  },
});

/** Also of each one that is watched. */
export function eventRow({ time, severity, kind, subject, by, code, text, since }: EventRecord): string[] {
  const words = [text, code && `(${code})`, since && `since ${since}`].filter((word) => word !== undefined);
  return [time, severity, kind, subject, by, words.join(' ')];
}
