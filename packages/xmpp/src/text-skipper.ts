/** The tags of a stanza that will be dropped, without its texts and the values of its attributes: what is left is as much as
 *  its end needs to be found, and small however long those are. */

type Place = 'text' | 'tag' | '"' | "'";

/** Well-formed XML as it arrives in, its tags out; looked at even while nothing is left out, to know where it stands. */
export class TextSkipper {
  #place: Place = 'text';

  pass(text: string, skip: boolean): string {
    const parts: string[] = [];
    for (let at = 0; at < text.length; ) {
      const place = this.#place;
      const found = place === 'tag' ? endInTag(text, at) : text.indexOf(place === 'text' ? '<' : place, at);
      const end = found < 0 ? text.length : found;
      if (place === 'tag' || !skip) parts.push(text.slice(at, end));
      if (found < 0) break;
      const token = text[found]!;
      parts.push(token);
      this.#place = place === 'text' || token === place ? 'tag' : token === '>' ? 'text' : (token as Place);
      at = found + 1;
    }
    return parts.join('');
  }
}

function endInTag(text: string, from: number): number {
  for (let at = from; at < text.length; at += 1) if ('>"\''.includes(text[at]!)) return at;
  return -1;
}
