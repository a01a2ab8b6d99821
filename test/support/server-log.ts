/**
 * What an XMPP server sees: the stanzas in its own log (the lab's option `showStanzas`). Prosody writes the attributes of
 * a stanza in any order; they are read in ejabberd's: language, receiver, sender, type, id.
 */
import { statSync } from 'node:fs';
import { whenWritten } from '@mom4c/lab';
import { octetsFrom } from './octets-from.ts';

export type ServerLog = {
  /** Octets so far. */
  mark(): number;
  since(mark: number): string;
  /** The text since the mark, as soon as it holds this; the server writes its log with a delay. */
  whenIt(mark: number, what: string, holds: (text: string) => boolean): Promise<string>;
  /** The base64 of a sealed letter that the server handed on, of one addressee and sender. */
  letter(mark: number, name: 'iq' | 'message', to: string, from: string): Promise<string>;
};

export function openServerLog(file: string): ServerLog {
  const since = (mark: number): string => inOrder(octetsFrom(file, mark).toString('latin1'));
  const log: ServerLog = {
    mark: () => statSync(file).size,
    since,
    whenIt: (mark, what, holds) =>
      whenWritten(file, what, () => {
        const text = since(mark);
        return holds(text) ? text : undefined;
      }),
    letter(mark, name, to, from) {
      const pattern = new RegExp(
        `(?:Send XML|SEND:) [^\n]*<${name} [^>]*to='${escaped(to)}' from='${escaped(from)}'[^>]*><x xmlns='jabber:x:encrypted'>([^<]+)</x></${name}>`,
      );
      return whenWritten(file, `letter to ${to}`, () => pattern.exec(since(mark))?.[1]);
    },
  };
  return log;
}

const ORDER = ['xml:lang', 'to', 'from', 'type', 'id', 'xmlns'];

function inOrder(text: string): string {
  return text.replace(
    /<(iq|message|presence) ([^>]*?)(\/?)>/g,
    (_, name: string, list: string, end: string) => {
      const attributes = [...list.matchAll(/([\w:-]+)='([^']*)'/g)]
        // What stands for what is so by itself.
        .filter(([, key, value]) => !(key === 'type' && value === 'normal'))
        .toSorted(([, a], [, b]) => ORDER.indexOf(a!) - ORDER.indexOf(b!));
      return `<${name} ${attributes.map(([whole]) => whole).join(' ')}${end}>`;
    },
  );
}

const escaped = (text: string): string => text.replaceAll('.', '\\.');
