/** What the stream of the journal holds: JSON, octets in base64. Pure. */
import type { JournalEntry, Uuid } from '@mom4c/core';

export function encodeAccepted({ evidence, ...entry }: JournalEntry): string {
  return JSON.stringify({ ...entry, evidence: toBase64(evidence) });
}

export function encodeFinished(id: Uuid, outcome: Uint8Array): string {
  return JSON.stringify({ id, outcome: toBase64(outcome) });
}

function toBase64(octets: Uint8Array): string {
  return Buffer.from(octets).toString('base64');
}
