/** Names of certificates (RFC 5280 §4.1.2.4), narrowed to CN, OU and O, each once. */
import type { BareJid } from '@mom4c/core';
import {
  type Der,
  malformed,
  oid,
  readOid,
  readSequence,
  readSet,
  readText,
  sequence,
  setOf,
  utf8String,
} from './der.ts';

export type Subject = { readonly CN: string; readonly OU: string; readonly O: string };

/** In the order in which the directory has them too: most general first (X.501). */
const ATTRIBUTES = [
  ['O', '2.5.4.10'],
  ['OU', '2.5.4.11'],
  ['CN', '2.5.4.3'],
] as const;

/** UTF8String throughout, as RFC 5280 §4.1.2.4 wants it of new authorities. */
export function nameOf(subject: Subject): Der {
  const attributes = ATTRIBUTES.map(([key, type]) => setOf(sequence(oid(type), utf8String(subject[key]))));
  return sequence(...attributes);
}

/**
 * What a server's certificate names as its XMPP address: one at which nobody is (RFC 2606 §2), and whose local part is no
 * node's name. ejabberd lets a certificate that names no address log in under any, so that the key of a directory could
 * speak as a manager; and of a foreign address it takes the local part for its own.
 */
export const NOBODY: BareJid = '_server@server.invalid';

/** Is it a Name at all? Of any authority, in any order. @throws Mom4cError M4C_MALFORMED */
export function checkName(name: Der | undefined, what: string): void {
  for (const relative of readSequence(name, what)) {
    const attributes = readSet(relative, what);
    if (attributes.length === 0) throw malformed(`${what}: an empty part`);
    for (const attribute of attributes) {
      const [type, value] = readSequence(attribute, what, 2);
      readOid(type, what);
      readText(value, what);
    }
  }
}

/** In any order, but nothing beside them. @throws Mom4cError M4C_MALFORMED */
export function readSubject(name: Der): Subject {
  const found = new Map<string, string>();
  for (const relative of readSequence(name, 'subject', ATTRIBUTES.length)) {
    const [attribute] = readSet(relative, 'subject', 1);
    const [type, value] = readSequence(attribute, 'subject', 2);
    found.set(readOid(type, 'subject'), readText(value, 'subject'));
  }
  const take = (key: keyof Subject, type: string): string => {
    const value = found.get(type);
    if (value === undefined) throw malformed(`subject: no ${key}`);
    return value;
  };
  return { CN: take('CN', '2.5.4.3'), OU: take('OU', '2.5.4.11'), O: take('O', '2.5.4.10') };
}
