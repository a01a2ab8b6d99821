/**
 * What a directory server may send, before ldapts sees it. ldapts 9.2 keeps an unfinished message of any length, parses one
 * message inside of the other (thousands of small ones in one read end the process with a full stack), and keeps entries
 * without a bound. Here octets become whole messages, one at a time, each of a bounded size, and answers of a bounded
 * length. The server is authenticated; that does not make it honest.
 *
 * INVARIANTS:
 * - At most `MAX_MESSAGE` octets plus one read are kept.
 * - `take` gets exactly one LDAPMessage (RFC 4511 §4.1.1) at a time.
 * - After the first fault nothing is taken any more.
 */
import { Mom4cError } from '@mom4c/core';

/** An entry with its four certificates has some 4 KiB. */
export const MAX_MESSAGE = 64 * 1024;
/** In answer to one request: entries, references, whatever it is. */
export const MAX_MESSAGES = 10_000;

const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** Tag and length: four octets of length are the most that is looked at. */
const MAX_HEADER = 6;

export type LdapGuard = {
  /** Octets as they arrive. @throws Mom4cError M4C_DIRECTORY_ENTRY */
  write(octets: Buffer): void;
};

export function createLdapGuard(take: (message: Buffer) => void): LdapGuard {
  let rest: Buffer = Buffer.alloc(0);
  let broken = false;
  /** Messages so far under the current message id; requests are answered in turn, or nearly so. */
  const counts = new Map<string, number>();

  function count(message: Buffer, header: number): void {
    const id = messageId(message, header);
    const seen = (counts.get(id) ?? 0) + 1;
    if (seen > MAX_MESSAGES) throw fault(`more than ${MAX_MESSAGES} messages in one answer`);
    counts.delete(id);
    counts.set(id, seen);
    // Ids go up; what was answered long ago needs no count.
    const [oldest] = counts.keys();
    if (counts.size > MAX_COUNTED && oldest !== undefined) counts.delete(oldest);
  }

  return {
    write(octets) {
      if (broken) return;
      try {
        rest = rest.length === 0 ? octets : Buffer.concat([rest, octets]);
        for (let size = sizeOf(rest); size && rest.length >= size.total; size = sizeOf(rest)) {
          const message = rest.subarray(0, size.total);
          rest = rest.subarray(size.total);
          count(message, size.header);
          take(message);
        }
      } catch (error) {
        broken = true;
        rest = Buffer.alloc(0);
        throw error;
      }
    },
  };
}

const MAX_COUNTED = 1000;

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

/** As hex; it is the first thing in a message. */
function messageId(message: Buffer, header: number): string {
  const length = message[header + 1] ?? 0;
  if (message[header] !== INTEGER || length === 0 || length > 4) throw fault('an LDAP message without an id');
  return message.toString('hex', header + 2, header + 2 + length);
}

function fault(detail: string): Mom4cError {
  return new Mom4cError('M4C_DIRECTORY_ENTRY', detail);
}
