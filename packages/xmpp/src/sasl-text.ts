/** What stands inside of SASL's elements (RFC 6120 §6.4): base64, or `=` for a message that is there and empty. */
import { Mom4cError } from '@mom4c/core';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const MAX_TEXT = 8_192;

/** @returns one character per octet. @throws Mom4cError M4C_MALFORMED */
export function readSaslText(text: string): string {
  if (text === '=') return '';
  const octets = text.length <= MAX_TEXT && BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
  // Bits that nobody reads must not make a second form.
  if (octets?.toString('base64') !== text) throw new Mom4cError('M4C_MALFORMED', 'not base64');
  return octets.toString('latin1');
}

/** @param message one character per octet */
export function writeSaslText(message: string): string {
  return message === '' ? '=' : Buffer.from(message, 'latin1').toString('base64');
}
