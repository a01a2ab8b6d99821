/**
 * What XML has and a stream must not have: comments, processing instructions, document types (RFC 6120 §11.1). The
 * library skips them instead, takes the square of its length for a comment (seen: 32 kB, four seconds), and sees one
 * behind a `!` or `?` anywhere in the name of a tag. CDATA sections are allowed; they are handed on as text, since the
 * library reads one anew with every part that arrives.
 */

const OPEN = '<![CDATA[';
const CLOSE = ']]>';
/** §11.5: it may stand at the very beginning, and is of no use to us. */
const DECLARATION = /^<\?xml\s[^<>]{0,100}\?>/;
/** Longer ones are not waited for. */
const MAX_DECLARATION = 120;
/** Of the name of an element, with its prefix. */
const MAX_NAME = 256;
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** What a `<` begins; `unfinished`: the next part will tell. */
type Markup = 'tag' | 'section' | 'restricted' | 'unfinished';

/** Text as it arrives in, text for the library out. */
export class MarkupGuard {
  #violated = false;
  #atStart = true;
  #inSection = false;
  /** What may be the beginning of a token; its end comes with the next part. */
  #heldBack = '';

  /** There was restricted markup. What stood before it has been handed on, nothing after it will be. */
  get violated(): boolean {
    return this.#violated;
  }

  pass(text: string): string {
    const arrived = this.#heldBack + text;
    this.#heldBack = '';
    if (this.#atStart && mayBeDeclaration(arrived)) {
      this.#heldBack = arrived;
      return '';
    }
    const rest = this.#atStart ? arrived.replace(DECLARATION, '') : arrived;
    if (arrived !== '') this.#atStart = false;
    const parts: string[] = [];
    for (let at = 0; at < rest.length && !this.#violated; )
      at = this.#inSection ? this.#section(rest, at, parts) : this.#markup(rest, at, parts);
    return parts.join('');
  }

  /** @returns where to go on */
  #section(text: string, from: number, parts: string[]): number {
    const close = text.indexOf(CLOSE, from);
    const end = close < 0 ? text.length - beginningAtEnd(text.slice(from), CLOSE) : close;
    parts.push(text.slice(from, end).replace(/[&<>]/g, (character) => ESCAPES[character]!));
    if (close >= 0) {
      this.#inSection = false;
      return close + CLOSE.length;
    }
    this.#heldBack = text.slice(end);
    return text.length;
  }

  /** In well-formed XML a `<` is markup: texts and attributes have `&lt;`. @returns where to go on */
  #markup(text: string, from: number, parts: string[]): number {
    let open = text.indexOf('<', from);
    let markup = markupAt(text, open);
    while (markup === 'tag') {
      open = text.indexOf('<', open + 1);
      markup = markupAt(text, open);
    }
    parts.push(text.slice(from, markup === undefined ? undefined : open));
    if (markup === 'restricted') this.#violated = true;
    if (markup === 'unfinished') this.#heldBack = text.slice(open);
    if (markup !== 'section') return text.length;
    this.#inSection = true;
    return open + OPEN.length;
  }
}

function markupAt(text: string, open: number): Markup | undefined {
  if (open < 0) return undefined;
  const start = text.slice(open, open + OPEN.length);
  if (start === OPEN) return 'section';
  if (OPEN.startsWith(start)) return 'unfinished';
  const first = start.startsWith('</') ? open + 2 : open + 1;
  const limit = Math.min(text.length, first + MAX_NAME);
  for (let at = first; at < limit; at++) {
    const character = text[at]!;
    if (character === '!' || character === '?') return 'restricted';
    // The library takes all that is not above the blank for white space.
    if (character <= ' ' || character === '/' || character === '>' || character === '<') return 'tag';
  }
  return text.length < first + MAX_NAME ? 'unfinished' : 'restricted';
}

function mayBeDeclaration(text: string): boolean {
  const start = '<?xml';
  return (
    text.length < MAX_DECLARATION && !text.includes('>') && (start.startsWith(text) || text.startsWith(start))
  );
}

/** How many characters at the end of a text may be the beginning of the token. */
function beginningAtEnd(text: string, token: string): number {
  for (let length = Math.min(text.length, token.length - 1); length > 0; length--)
    if (text.endsWith(token.slice(0, length))) return length;
  return 0;
}
