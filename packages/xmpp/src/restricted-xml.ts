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
const RESTRICTED_IN_NAME = '!?<';
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Text as it arrives in, text for the library out. */
export class MarkupGuard {
  #violated = false;
  #atStart = true;
  #inSection = false;
  /** A name has no length here: servers pass on what is legal, and no peer shall end our stream with it. */
  #inName = false;
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
    for (let at = 0; at < rest.length && !this.#violated; ) {
      if (this.#inSection) at = this.#section(rest, at, parts);
      else if (this.#inName) at = this.#name(rest, at, parts);
      else at = this.#markup(rest, at, parts);
    }
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
    const open = text.indexOf('<', from);
    if (open < 0) {
      parts.push(text.slice(from));
      return text.length;
    }
    parts.push(text.slice(from, open));
    const start = text.slice(open, open + OPEN.length);
    if (start === OPEN) {
      this.#inSection = true;
      return open + OPEN.length;
    }
    if (OPEN.startsWith(start)) {
      this.#heldBack = start;
      return text.length;
    }
    parts.push('<');
    this.#inName = true;
    return open + 1;
  }

  /** With the `/` around it: the library sees markup behind that one, too. @returns where to go on */
  #name(text: string, from: number, parts: string[]): number {
    let end = from;
    while (end < text.length && !endsName(text[end]!)) end += 1;
    parts.push(text.slice(from, end));
    if (end < text.length) {
      this.#inName = false;
      this.#violated = RESTRICTED_IN_NAME.includes(text[end]!);
    }
    return end;
  }
}

/** The library takes all that is not above the blank for white space. */
function endsName(character: string): boolean {
  return character <= ' ' || character === '>' || RESTRICTED_IN_NAME.includes(character);
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
