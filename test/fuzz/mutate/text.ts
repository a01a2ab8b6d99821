/** Changes to text: XML, JSON and plain lines. */
import type { SeededRandom } from '../seeded-random.ts';
import type { Mutator } from './octets.ts';

const HOSTILE_CHARACTERS = [
  '\0',
  '\x1b[2J',
  '\x7f',
  '\u0085',
  '\u2028',
  '\u202e',
  '\ufeff',
  '\ufffe',
  '漢字',
  '🜁',
  'é',
  '\r\n',
  "'",
  '"',
  '/',
  '@',
  '=',
  '+',
  '%00',
];
const NUMBERS = ['-1', '0', '9007199254740993', '1e999', '-0', '0.1', '1e-7', '99999999999999999999'];

const PIECES_OF_XML = [
  '<a>',
  '</a>',
  '<a/>',
  '<a b="c">',
  '<x xmlns="jabber:x:encrypted">',
  '<x xmlns="jabber:x:signed"/>',
  '</x>',
  '<body>',
  '</body>',
  '</message>',
  '</stream:stream>',
  '<stream:stream>',
  '<error type="cancel"><x xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error>',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  '&b;',
  '&#0;',
  '&#x10FFFF;',
  '&#xD800;',
  '&amp',
  '<![CDATA[',
  ']]>',
  '<!--',
  '-->',
  '<?a',
  '?>',
  ' xmlns:b="c"',
  ' b="c" b="d"',
  '<',
  '>',
  '</',
  'a:b:c',
];

const PIECES_OF_JSON = [
  '{}',
  '[]',
  'null',
  'true',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"__proto__":{"a":1},',
  '"constructor":{"prototype":{}},',
  '"type":"joined",',
  '"id":1,',
  ',',
  ':',
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
];

/** @returns where a piece may be put in: mostly where something begins or ends */
function seam(text: string, random: SeededRandom): number {
  const at = random.below(text.length + 1);
  if (random.oneIn(3)) return at;
  const next = text.slice(at).search(/[<>{}[\]",: ]/);
  return next < 0 ? at : at + next + random.below(2);
}

const change =
  (pieces: readonly string[]): Mutator =>
  (input, random, others) => {
    const text = input.toString('utf8');
    const at = seam(text, random);
    const end = seam(text, random);
    const [first, last] = at < end ? [at, end] : [end, at];
    const around = (middle: string): Buffer => Buffer.from(text.slice(0, first) + middle + text.slice(last));
    const put = (piece: string): Buffer => Buffer.from(text.slice(0, at) + piece + text.slice(at));
    switch (random.below(9)) {
      case 0:
        return around('');
      case 1:
        return around(text.slice(first, last).repeat(2));
      case 2:
        return put(random.pick(pieces));
      case 3:
        return put(random.pick(HOSTILE_CHARACTERS));
      case 4:
        return put(random.pick(pieces).repeat(2 + random.below(60)));
      case 5:
        return Buffer.from(
          text.replace(/\d+/g, (digits) => (random.oneIn(4) ? random.pick(NUMBERS) : digits)),
        );
      case 6: {
        const other = Buffer.from(random.pick(others)).toString('utf8');
        const [from, to] = [seam(other, random), seam(other, random)];
        return put(other.slice(Math.min(from, to), Math.max(from, to)));
      }
      case 7:
        return put('a'.repeat(1 << random.below(11)));
      default:
        return around(random.pick(pieces));
    }
  };

export const changeXml = change(PIECES_OF_XML);
export const changeJson = change(PIECES_OF_JSON);
export const changeText = change([...HOSTILE_CHARACTERS, ...NUMBERS, '?', '&', '#', ':', '-', '//', '\t']);
