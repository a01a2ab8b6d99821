/** What the stream of the journal holds: JSON, octets in base64. Pure. */
import { isUuidv7, type JournalEntry, type Uuid } from '@mom4c/core';

export function encodeAccepted({ evidence, ...entry }: JournalEntry): string {
  return JSON.stringify({ ...entry, evidence: toBase64(evidence) });
}

export function encodeFinished(id: Uuid, outcome: Uint8Array): string {
  return JSON.stringify({ id, outcome: toBase64(outcome) });
}

/** `undefined` if it is none: then somebody else has written into the stream, and what he wrote is passed over. */
export function decodeAccepted(data: Uint8Array): JournalEntry | undefined {
  const { id, command, requester, acceptedAt, deadline, evidence, targets } = decode(data);
  if (!isText(id) || !isUuidv7(id) || !isText(command) || !isText(requester) || !isText(evidence))
    return undefined;
  if (!Number.isSafeInteger(acceptedAt) || !Number.isSafeInteger(deadline)) return undefined;
  if (!Array.isArray(targets) || !targets.every(isText)) return undefined;
  return {
    id,
    command,
    requester,
    acceptedAt: acceptedAt as number,
    deadline: deadline as number,
    evidence: fromBase64(evidence),
    targets,
  };
}

export function decodeFinished(data: Uint8Array): { id: Uuid; outcome: Uint8Array } | undefined {
  const { id, outcome } = decode(data);
  return isText(id) && isUuidv7(id) && isText(outcome) ? { id, outcome: fromBase64(outcome) } : undefined;
}

function decode(data: Uint8Array): Record<string, unknown> {
  try {
    const value = JSON.parse(Buffer.from(data).toString()) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function toBase64(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64');
}

function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}
