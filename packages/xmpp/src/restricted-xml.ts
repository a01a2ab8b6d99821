/**
 * What XML has and a stream must not have: comments, processing instructions, document types (RFC 6120 §11.1). The
 * library skips them instead, and for a comment it takes the square of its length (seen: 32 kB, four seconds). CDATA
 * sections are allowed; they are handed on as text, since the library reads one anew with every part that arrives.
 */
const OPEN = '<![CDATA[';
const CLOSE = ']]>';
/** §11.5: it may stand at the very beginning, and is of no use to us. */
const DECLARATION = /^<\?xml\s[^<>]{0,100}\?>/;
/** Longer ones are not waited for. */
const MAX_DECLARATION = 120;
const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

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
    if (this.#violated) return '';
    const arrived = this.#heldBack + text;
    this.#heldBack = '';
    if (this.#atStart && mayBeDeclaration(arrived)) {
      this.#heldBack = arrived;
      return '';
    }
    const rest = this.#atStart ? arrived.replace(DECLARATION, '') : arrived;
    if (arrived !== '') this.#atStart = false;
    const end = rest.length - unfinished(rest);
    this.#heldBack = rest.slice(end);
    return this.#translate(rest.slice(0, end));
  }

  #translate(text: string): string {
    const parts: string[] = [];
    for (let at = 0; at < text.length; ) {
      const next = this.#inSection ? text.indexOf(CLOSE, at) : markupIn(text, at);
      const part = text.slice(at, next < 0 ? undefined : next);
      parts.push(this.#inSection ? part.replace(/[&<>]/g, (character) => ESCAPES[character]!) : part);
      if (next < 0) break;
      if (!this.#inSection && !text.startsWith(OPEN, next)) {
        this.#violated = true;
        break;
      }
      at = next + (this.#inSection ? CLOSE : OPEN).length;
      this.#inSection = !this.#inSection;
    }
    return parts.join('');
  }
}

/** Where a section or restricted markup begins, or -1. In well-formed XML `<` stands nowhere else: it is `&lt;` there. */
function markupIn(text: string, from: number): number {
  const markup = /<[!?]/g;
  markup.lastIndex = from;
  return markup.exec(text)?.index ?? -1;
}

function mayBeDeclaration(text: string): boolean {
  const start = '<?xml';
  return (
    text.length < MAX_DECLARATION && !text.includes('>') && (start.startsWith(text) || text.startsWith(start))
  );
}

/** How many characters at the end may be the beginning of a token that matters. */
function unfinished(text: string): number {
  for (let length = Math.min(text.length, OPEN.length - 1); length > 0; length--) {
    const tail = text.slice(-length);
    if (OPEN.startsWith(tail) || CLOSE.startsWith(tail)) return length;
  }
  return 0;
}
