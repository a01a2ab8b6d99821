/**
 * What a directory server may send, before ldapts sees it. ldapts 9.2 keeps an unfinished message of any length, parses one
 * message inside of the other (thousands of small ones in one read end the process with a full stack), and keeps entries
 * without a bound. Here octets become whole messages, one at a time, each of a bounded size, answers of a bounded length,
 * and all that is not answered to its end of a bounded size. The server is authenticated; that does not make it honest.
 *
 * INVARIANTS:
 * - At most `MAX_MESSAGE` octets plus one read are kept here, and `MAX_KEPT` in ldapts.
 * - A message is taken only in answer to a request that is outstanding.
 * - `take` gets exactly one LDAPMessage (RFC 4511 §4.1.1) at a time.
 * - After the first fault nothing is taken any more.
 */
import { Mom4cError } from '@mom4c/core';

/** An entry with its four certificates has some 4 KiB. */
export const MAX_MESSAGE = 64 * 1024;
/** In answer to one request: entries, references, whatever it is. */
export const MAX_MESSAGES = 10_000;
/** Octets of answers that are not complete, all together: ldapts keeps them until their end. */
export const MAX_KEPT = 16 * 1024 * 1024;

const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** Tag and length: four octets of length are the most that is looked at. */
const MAX_HEADER = 6;

export type LdapGuard = {
  /** Octets as they arrive. @throws Mom4cError M4C_DIRECTORY_ENTRY */
  write(octets: Buffer): void;
};

type Answer = { messages: number; octets: number };

/** @param isOutstanding whether the request of that message id waits for its answer, or for more of it */
export function createLdapGuard(
  take: (message: Buffer) => void,
  isOutstanding: (id: number) => boolean,
): LdapGuard {
  let rest: Buffer = Buffer.alloc(0);
  let broken = false;
  let noticed = false;
  const incomplete = new Map<number, Answer>();
  let kept = 0;

  function pass(message: Buffer, header: number): void {
    const id = messageId(message, header);
    if (id === NOTICE && !noticed) return void (noticed = true);
    if (!isOutstanding(id)) throw fault('an answer to no request');
    const { messages, octets } = incomplete.get(id) ?? NOTHING;
    if (messages >= MAX_MESSAGES) throw fault(`more than ${MAX_MESSAGES} messages in one answer`);
    kept += message.length;
    if (kept > MAX_KEPT) throw fault(`more than ${MAX_KEPT} octets without the end of an answer`);
    incomplete.set(id, { messages: messages + 1, octets: octets + message.length });
    take(message);
    if (!isOutstanding(id)) forget(id);
  }

  function forget(id: number): void {
    kept -= incomplete.get(id)?.octets ?? 0;
    incomplete.delete(id);
  }

  return {
    write(octets) {
      if (broken) return;
      try {
        rest = rest.length === 0 ? octets : Buffer.concat([rest, octets]);
        for (let size = sizeOf(rest); size && rest.length >= size.total; size = sizeOf(rest)) {
          const message = rest.subarray(0, size.total);
          rest = rest.subarray(size.total);
          pass(message, size.header);
        }
      } catch (error) {
        broken = true;
        rest = Buffer.alloc(0);
        throw error;
      }
    },
  };
}

const NOTHING: Answer = { messages: 0, octets: 0 };
/** The server is about to close the connection (RFC 4511 §4.4.1); the close itself says enough. */
const NOTICE = 0;

/** @returns undefined if that cannot be told yet */
function sizeOf(octets: Buffer): { header: number; total: number } | undefined {
  if (octets.length < 2) return undefined;
  if (octets[0] !== SEQUENCE) throw fault('no LDAP message');
  const first = octets[1]!;
  if (first < 0x80) return { header: 2, total: 2 + first };
  const header = 2 + (first & 0x7f);
  // 0x80 is the indefinite length, which LDAP does not allow (RFC 4511 §5.1).
  if (header === 2 || header > MAX_HEADER) throw fault('no LDAP message');
  if (octets.length < header) return undefined;
  const total = header + octets.readUIntBE(2, header - 2);
  if (total > MAX_MESSAGE) throw fault(`a message of ${total} octets`);
  return { header, total };
}

/** It is the first thing in a message. */
function messageId(message: Buffer, header: number): number {
  const length = message[header + 1] ?? 0;
  if (message[header] !== INTEGER || length === 0 || length > 4) throw fault('an LDAP message without an id');
  if (message.length < header + 2 + length) throw fault('an LDAP message without an id');
  return message.readUIntBE(header + 2, length);
}

function fault(detail: string): Mom4cError {
  return new Mom4cError('M4C_DIRECTORY_ENTRY', detail);
}
