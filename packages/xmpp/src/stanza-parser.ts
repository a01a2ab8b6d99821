/**
 * Octets of one XML stream in, elements out. Guards what @xmpp/xml leaves open: characters split across reads, size,
 * depth, octets after the end, text between stanzas (which its root would keep for ever), markup that no stream may have.
 *
 * INVARIANTS
 * - A stanza above `softLimit`, or nested too deeply, is dropped and counted; the stream goes on. A server rewrites
 *   what it forwards (ejabberd: `'` becomes `&apos;`, six octets; Prosody writes a namespace out at every element that
 *   had a prefix), so a peer can make a stanza grow; if that closed our stream, any peer could cut us off. Beyond the
 *   limit texts and attributes are left out and nothing is built: it costs no more than reading it.
 * - At most `hardLimit` octets of a stanza, plus one read, go to the library; without texts no honest server needs more.
 * - After `end` or `fault` nothing is emitted any more.
 */
import { StringDecoder } from 'node:string_decoder';
import { Parser } from '@xmpp/xml';
import { MAX_STANZA_OCTETS, type Element } from './element.ts';
import { MarkupGuard } from './restricted-xml.ts';
import { TextSkipper } from './text-skipper.ts';

/** Of elements inside of each other, the stream's root included. */
export const MAX_DEPTH = 32;
/** Sixfold growth, and room for addresses and language tags that the server adds. */
export const HARD_LIMIT_OCTETS = 8 * MAX_STANZA_OCTETS;

/** ltx looks for the next `<` to the end of what it is given, at every character: 64 kB at once take it 27 ms, in pieces
 *  of this many characters two. */
const PIECE = 2_048;

export type StanzaParserEvents = {
  /** The root's start tag: the stream header. */
  header(root: Element): void;
  element(element: Element): void;
  dropped(reason: 'too large' | 'too deep'): void;
  /** `</stream:stream>`. */
  end(): void;
  /** Not XML, XML that no stream may have, or above the hard limit: the stream cannot go on. */
  fault(reason: string): void;
};

export type StanzaParser = { write(octets: Uint8Array): void };

export function createStanzaParser(
  events: StanzaParserEvents,
  {
    softLimit = MAX_STANZA_OCTETS,
    hardLimit = HARD_LIMIT_OCTETS,
  }: { softLimit?: number; hardLimit?: number } = {},
): StanzaParser {
  const decoder = new StringDecoder('utf8');
  const guard = new MarkupGuard();
  const skipper = new TextSkipper();
  const parser = new DepthCappedParser();
  /** Octets since the last stanza: before this read, and with it. */
  let before = 0;
  let pending = 0;
  /** Of these, the library's. */
  let fed = 0;
  let finished = false;

  parser.on('start', (root) => {
    before = 0;
    pending = 0;
    fed = 0;
    if (!finished) events.header(root);
  });
  parser.on('element', (element) => {
    // Where in this read the stanza ended is unknown; what came in earlier reads is its own for certain.
    const octets = before;
    before = 0;
    pending = 0;
    fed = 0;
    const tooDeep = parser.takeTooDeep();
    if (finished) return;
    if (octets > softLimit) events.dropped('too large');
    else if (tooDeep) events.dropped('too deep');
    else events.element(element);
  });
  parser.on('end', () => {
    if (finished) return;
    finished = true;
    events.end();
  });
  parser.on('error', () => fault('not well-formed'));

  function fault(reason: string): void {
    if (finished) return;
    finished = true;
    events.fault(reason);
  }

  function feed(text: string): void {
    for (let at = 0; at < text.length && !finished; ) {
      const skip = before > softLimit;
      // Tag by tag then: what follows the stanza's end is another's.
      const close = skip ? text.indexOf('>', at) : at + PIECE - 1;
      const end = close < 0 ? text.length : close + 1;
      const piece = skipper.pass(text.slice(at, end), skip);
      fed += piece.length;
      if (fed > hardLimit) return fault('a stanza above the hard limit');
      parser.building = !skip;
      parser.write(piece);
      at = end;
    }
  }

  return {
    write(octets) {
      if (finished) return;
      before = pending;
      pending += octets.length;
      try {
        feed(guard.pass(decoder.write(octets)));
        if (guard.violated) fault('restricted XML');
      } catch {
        // ltx throws for an unknown entity or an illegal character reference.
        fault('not well-formed');
      }
    },
  };
}

class DepthCappedParser extends Parser {
  /** Else elements below a stanza's are only counted. */
  building = true;
  #depth = 0;
  /** Of the open elements, those that were not built. */
  #unbuilt = 0;
  #tooDeep = false;

  takeTooDeep(): boolean {
    const was = this.#tooDeep;
    this.#tooDeep = false;
    return was;
  }

  override onStartElement(name: string, attrs: Record<string, string>): void {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) this.#tooDeep = true;
    const skip = this.#unbuilt > 0 || this.#depth > MAX_DEPTH || (!this.building && this.#depth > 2);
    if (skip) this.#unbuilt += 1;
    else super.onStartElement(name, attrs);
  }

  override onEndElement(name: string): void {
    // The library would read `name` of null.
    if (this.#depth === 0) {
      this.emit('error', new Error('an end tag without a start'));
      return;
    }
    this.#depth -= 1;
    if (this.#unbuilt > 0) this.#unbuilt -= 1;
    else super.onEndElement(name);
  }

  override onText(text: string): void {
    // White space between stanzas keeps the connection alive (RFC 6120 §4.6.1); nothing else is allowed there.
    if (this.#depth > 1 && this.#unbuilt === 0) super.onText(text);
  }
}
