/**
 * SASL SCRAM-SHA-256 (RFC 5802 with RFC 7677), the client: the password is never sent, and the server must prove that it
 * knows it, too. Without channel binding: what our servers offer is bound to `tls-unique`, which TLS 1.3 does not have.
 *
 * INVARIANTS
 * - Each message of the server is taken once, in its turn; anything else ends the log-in.
 * - `finish` returns only if the server's signature was right.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Mom4cError, parseJid, type BareJid, type Random } from '@mom4c/core';
import type { SaslExchange } from './sasl.ts';

/** Fewer would let whoever has stolen a server's record try passwords cheaply (RFC 7677 §4). */
const MIN_ITERATIONS = 4_096;
/** More would let a server keep us busy: this many take seconds on a small device. */
const MAX_ITERATIONS = 1_000_000;
const MAX_MESSAGE = 2_048;
const NONCE_OCTETS = 24;
const MAX_PASSWORD = 1_024;

/** GS2 header: no channel binding, no other authorisation identity. */
const GS2 = 'n,,';
/** RFC 5802 §7. A mandatory extension (`m=`) would stand first, and does not match; others may follow. */
const SERVER_FIRST =
  /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,8})(?:,[A-Za-ln-z]=[^,\0]*)*$/;
const SERVER_FINAL = /^v=([A-Za-z0-9+/]{43}=)(?:,[A-Za-z]=[^,\0]*)*$/;

const derive = promisify(pbkdf2);

/** @throws Mom4cError M4C_CONFIG: SASLprep (RFC 4013) leaves printable ASCII as it is, and we take nothing else */
export function checkPassword(password: string): void {
  if (password.length > MAX_PASSWORD || !/^[\x20-\x7e]+$/.test(password))
    throw new Mom4cError(
      'M4C_CONFIG',
      'the XMPP password must be printable ASCII of at most 1024 characters',
    );
}

export function createScram(account: BareJid, password: string, random: Random): SaslExchange {
  checkPassword(password);
  const nonce = Buffer.from(random.bytes(NONCE_OCTETS)).toString('base64');
  // The local parts that we take need no escaping (RFC 5802 §5.1).
  const clientFirst = `n=${parseJid(account).local},r=${nonce}`;
  let state: 'first' | 'deriving' | 'final' | 'proved' = 'first';
  let expected: Buffer | undefined;

  async function prove(serverFirst: string): Promise<string> {
    const { combined, salt, iterations } = parseServerFirst(serverFirst, nonce);
    const withoutProof = `c=${Buffer.from(GS2).toString('base64')},r=${combined}`;
    const authMessage = `${clientFirst},${serverFirst},${withoutProof}`;
    state = 'deriving';
    const salted = await derive(password, salt, iterations, 32, 'sha256');
    const clientKey = hmac(salted, 'Client Key');
    const storedKey = createHash('sha256').update(clientKey).digest();
    const signature = hmac(storedKey, authMessage);
    const proof = clientKey.map((octet, index) => octet ^ signature[index]!);
    expected = hmac(hmac(salted, 'Server Key'), authMessage);
    state = 'final';
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  function check(serverFinal: string): void {
    const signature = SERVER_FINAL.exec(bounded(serverFinal))?.[1];
    if (signature === undefined || !timingSafeEqual(Buffer.from(signature, 'base64'), expected!))
      throw refused('the server did not prove that it knows the password');
    state = 'proved';
  }

  return {
    name: 'SCRAM-SHA-256',
    first: () => GS2 + clientFirst,
    async answer(challenge) {
      if (state === 'first') return prove(challenge);
      if (state !== 'final') throw refused('a challenge out of turn');
      // RFC 6120 §6.3.10: its last word may come as a challenge.
      check(challenge);
      return '';
    },
    finish(data) {
      if (state === 'proved' && data === undefined) return;
      if (state !== 'final' || data === undefined)
        throw refused('the server did not prove that it knows the password');
      check(data);
    },
  };
}

function parseServerFirst(
  text: string,
  nonce: string,
): { combined: string; salt: Buffer; iterations: number } {
  const [, combined, salt, count] = SERVER_FIRST.exec(bounded(text)) ?? [];
  if (combined === undefined || salt === undefined || salt.length % 4 !== 0)
    throw refused('not a challenge of SCRAM');
  if (!combined.startsWith(nonce) || combined.length === nonce.length)
    throw refused('the challenge is not an answer to us');
  const iterations = Number(count);
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS)
    throw refused(`${iterations} iterations; at least ${MIN_ITERATIONS}, at most ${MAX_ITERATIONS}`);
  return { combined, salt: Buffer.from(salt, 'base64'), iterations };
}

function bounded(text: string): string {
  if (text.length > MAX_MESSAGE) throw refused('a challenge that is too long');
  return text;
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function refused(detail: string): Mom4cError {
  return new Mom4cError('M4C_XMPP_LOGIN', detail);
}
