/** What happens in a domain, as the manager that leads tells it to whoever watches. */
import * as z from 'zod';
import { ERRORS } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { isUuidv7 } from './ids.ts';
import { isNodeName } from './jid.ts';

/** From the least to the most. */
export const EVENT_SEVERITIES = ['info', 'warning', 'alarm'] as const;
export type EventSeverity = (typeof EVENT_SEVERITIES)[number];

/** What each kind says of its subject; docs/events.md has the same words. */
export const EVENT_KINDS = {
  'node-joined': 'A task executor that was not known is there.',
  'node-left': 'A task executor has said goodbye: its program was stopped.',
  'node-lost': 'A task executor is gone without a word, or gives no sign.',
  'node-back': 'A task executor that had left, or was lost, is there again.',
  'node-manager': 'A task executor has become a manager as well.',
  'node-executor': 'A task executor is a manager no longer.',
  'manager-leads': 'A manager has begun to lead.',
  'manager-stands-by': 'A manager that was not there could take over from now on.',
  'manager-left': 'A manager has said goodbye: its program was stopped.',
  'manager-lost': 'A manager is gone without a word, or gives no sign.',
  'certificate-expires': 'The last tenth of the time of a certificate has begun.',
  'epoch-refused': 'A task executor has refused a command because of its epoch.',
} as const;
export type EventKind = keyof typeof EVENT_KINDS;

export const MAX_EVENT_TEXT = 300;

const kinds = Object.keys(EVENT_KINDS) as [EventKind, ...EventKind[]];
const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];
/** UTC, to the millisecond. */
const instant = z.iso.datetime({ precision: 3 });

export const eventSchema = z.strictObject({
  id: z.string().refine(isUuidv7, 'not a UUIDv7'),
  time: instant.describe('When the manager noticed it, UTC'),
  severity: z.enum(EVENT_SEVERITIES),
  kind: z.enum(kinds),
  subject: z.string().refine(isNodeName, 'not a node name').describe('The node or manager that it is about'),
  since: instant.optional().describe('Since when that is so, where it was noticed later'),
  code: z.enum(codes).optional(),
  text: z.string().min(1).max(MAX_EVENT_TEXT),
  by: z.string().refine(isNodeName, 'not a node name').describe('The manager that says so'),
});
export type EventRecord = z.output<typeof eventSchema>;

export function isAtLeast(severity: EventSeverity, least: EventSeverity): boolean {
  return EVENT_SEVERITIES.indexOf(severity) >= EVENT_SEVERITIES.indexOf(least);
}
