/** Taking CMS AuthEnvelopedData (RFC 5083) apart and putting it together, as somebody in the middle could. */

type Value = { readonly tag: number; readonly contents: Buffer; readonly whole: Buffer };

const SEQUENCE = 0x30;
const EXPLICIT_0 = 0xa0;
/** BIT STRING of 66 octets: no unused bits, then an uncompressed point. */
const POINT = /03420004([0-9a-f]{128})/;

/** The ephemeral point under which a letter to one P-256 recipient is sealed, in hex. */
export function pointOf(letter: Uint8Array): string {
  const point = POINT.exec(Buffer.from(letter).toString('hex'))?.[1];
  if (!point) throw new Error('sealed to no P-256 certificate');
  return point;
}

/** The ciphertext of a letter, readable for the recipients of another. */
export function readdressed(letter: Uint8Array, asThis: Uint8Array): Buffer {
  const { type, items } = openedUp(letter);
  const [, recipients] = openedUp(asThis).items;
  const enveloped = value(SEQUENCE, ...items.with(1, recipients!).map(({ whole }) => whole));
  return value(SEQUENCE, type, value(EXPLICIT_0, enveloped));
}

function openedUp(letter: Uint8Array): { type: Buffer; items: Value[] } {
  const [type, explicit] = valuesIn(valuesIn(Buffer.from(letter))[0]!.contents);
  return { type: type!.whole, items: valuesIn(valuesIn(explicit!.contents)[0]!.contents) };
}

function valuesIn(octets: Buffer): Value[] {
  const found: Value[] = [];
  for (let at = 0; at < octets.length; ) {
    const short = octets[at + 1]!;
    const more = short < 0x80 ? 0 : short & 0x7f;
    const length = more === 0 ? short : octets.readUIntBE(at + 2, more);
    const from = at + 2 + more;
    const contents = octets.subarray(from, from + length);
    found.push({ tag: octets[at]!, contents, whole: octets.subarray(at, from + length) });
    at = from + length;
  }
  return found;
}

function value(tag: number, ...contents: Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  // DER writes no leading zero.
  const minimal = length[0] === 0 ? length.subarray(1) : length;
  return Buffer.concat([Buffer.from([tag, 0x80 | minimal.length]), minimal, body]);
}
