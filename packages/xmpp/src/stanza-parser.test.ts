// Mutation seen red: see each test's own line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { textOf } from './element.ts';
import { createStanzaParser, MAX_DEPTH } from './stanza-parser.ts';

const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

function parse(
  octets: Buffer,
  sizes: readonly number[],
  limits?: { softLimit: number; hardLimit: number },
): string[] {
  const seen: string[] = [];
  const parser = createStanzaParser(
    {
      header: (root) => seen.push(`header ${root.name}`),
      element: (element) => seen.push(`${element.getName()} ${textOf(element.getChild('body'))}`),
      dropped: (reason) => seen.push(`dropped ${reason}`),
      end: () => seen.push('end'),
      fault: (reason) => seen.push(`fault ${reason}`),
    },
    limits,
  );
  for (let at = 0, i = 0; at < octets.length; i += 1) {
    const size = sizes[i % sizes.length]!;
    parser.write(octets.subarray(at, at + size));
    at += size;
  }
  return seen;
}

const message = (body: string): string => `<message><body>${body}</body></message>`;
const stream = (...stanzas: readonly string[]): Buffer => Buffer.from(HEADER + stanzas.join(''));

// Red with `octets.toString('utf8')` in place of the StringDecoder, and without `heldBack` (a `?>` split across reads).
test('characters that are split across reads arrive whole, however the octets are cut', () => {
  const text = fc.string({ unit: fc.constantFrom('漢', 'é', '🜁', 'a'), minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (body, sizes) => {
      assert.deepEqual(parse(stream(message(body)), sizes), ['header stream:stream', `message ${body}`]);
    }),
  );
});

// Red without `finished` in the handler of elements.
test('octets after the end of the stream are ignored, in the same read and later', () => {
  for (const size of [5, 1_000]) {
    const seen = parse(stream('</stream:stream>', message('late'), '</stream:stream></x>'), [size]);
    assert.deepEqual(seen, ['header stream:stream', 'end']);
  }
});

// Red with the comparison with `softLimit` left out.
test('a stanza above the limit is dropped, and the next one is not', () => {
  const limits = { softLimit: 1_000, hardLimit: 8_000 };
  const seen = parse(stream(message('a'.repeat(2_000)), message('b')), [100], limits);
  assert.deepEqual(seen, ['header stream:stream', 'dropped too large', 'message b']);
});

// Red when `before` is replaced by `pending`: the read in which a stanza ends counts whole.
test('a stanza just below the limit is not dropped for what follows it in the same read', () => {
  const limits = { softLimit: 1_000, hardLimit: 8_000 };
  const first = message('a'.repeat(900));
  const sizes = [Buffer.byteLength(HEADER), first.length - 1, 500];
  const seen = parse(stream(first, message('b'.repeat(300)), message('c')), sizes, limits);
  assert.deepEqual(seen.slice(2), [`message ${'b'.repeat(300)}`, 'message c']);
  assert.match(seen[1]!, /^message a+$/);
});

// Red with the hard limit for what is skipped (a fault: a server's rewriting has no bound), with the texts
// handed on, and with what follows the end in the same read skipped, too.
test('a stanza far above the limit costs its tags, whatever the server made of it, and ends nothing', () => {
  const limits = { softLimit: 1_000, hardLimit: 8_000 };
  const long = 'a'.repeat(50_000);
  for (const inner of [
    `<body>${long}</body>`,
    `<x a='${long}"&gt;>' b="${long}'"/>`,
    `<x>${"<a b='c>'/> > ".repeat(500)}</x>`,
    `<x>${`<a xmlns='urn:${'long'.repeat(200)}'>&amp;</a>`.repeat(100)}</x>`,
    `<x>${'&amp;<![CDATA[</x>]]>'.repeat(2_000)}</x>`,
  ])
    for (const size of [7, 100, 999])
      assert.deepEqual(
        parse(
          stream(`<message>${inner}</message>`, message('b'), `<message a='>'><body>c</body></message>`),
          [size],
          limits,
        ),
        ['header stream:stream', 'dropped too large', 'message b', 'message c'],
        `${inner.slice(0, 20)} ${size}`,
      );
});

// Red without the comparison with `hardLimit`.
test('what never ends is refused before it is buffered', () => {
  const limits = { softLimit: 1_000, hardLimit: 8_000 };
  const seen = parse(stream('<message>', '<a>'.repeat(20_000)), [1_000], limits);
  assert.deepEqual(seen, ['header stream:stream', 'fault a stanza above the hard limit']);
});

// Red without the comparison in `onStartElement`; at 30,000 levels `toString` overflows the stack.
test('a stanza that is nested too deeply is dropped, and the next one is not', () => {
  const deep = (levels: number): string => `<iq>${'<a>'.repeat(levels)}${'</a>'.repeat(levels)}</iq>`;
  const within = MAX_DEPTH - 2;
  assert.deepEqual(parse(stream(deep(within), message('b')), [64]).slice(1), ['iq ', 'message b']);
  assert.deepEqual(parse(stream(deep(within + 1), message('b')), [64]).slice(1), [
    'dropped too deep',
    'message b',
  ]);
  assert.deepEqual(parse(stream(deep(30_000), message('b')), [4096]).slice(1), [
    'dropped too deep',
    'message b',
  ]);
});

// Red without the `catch`: the library throws into the socket's listener.
test('what is not well-formed is a fault, once', () => {
  for (const bad of ['<a></b>', '<a>&unknown;</a>', '<a>&#0;</a>', '<a b="&#xFFFF;"/>'])
    assert.deepEqual(parse(stream(bad, bad), [3]), ['header stream:stream', 'fault not well-formed'], bad);
  assert.deepEqual(parse(Buffer.from('</a>'), [3]), ['fault not well-formed']);
});

// Red without the question for `violated`: nothing is emitted any more, and nobody hears of it.
test('markup that no stream may have is a fault, once, after what stood before it', () => {
  for (const bad of ['<!-- c -->', '<?b?>', '<!DOCTYPE b>', '<a!b/>', '<message></message?>'])
    for (const size of [1, 7, 10_000])
      assert.deepEqual(
        parse(stream(message('a'), bad, message('b')), [size]),
        ['header stream:stream', 'message a', 'fault restricted XML'],
        bad,
      );
});

// Red with a limit for names in the guard: the stream is deaf from there on.
test('a name of any length is one that a server may pass on, and does not end the stream', () => {
  const limits = { softLimit: 5_000, hardLimit: 80_000 };
  for (const length of [255, 256, 4_000, 20_000])
    for (const sizes of [[1], [1_000]]) {
      const name = 'n'.repeat(length);
      assert.deepEqual(
        parse(
          stream(`<message><${name} b="!?">c</${name}><body>a</body></message>`, message('b')),
          sizes,
          limits,
        ),
        [
          'header stream:stream',
          ...(length * 2 > limits.softLimit ? ['dropped too large'] : ['message a']),
          'message b',
        ],
      );
    }
});

// Red without the `catch`, too.
test('no input makes it throw', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '/',
    '</',
    'a',
    ' b="',
    '"',
    "'",
    '&',
    '&lt;',
    ';',
    '<![CDATA[',
    ']]>',
    '<!--',
    '-->',
    '<?',
    '?>',
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(piece, fc.string()), { maxLength: 40 }),
      fc.boolean(),
      (pieces, withHeader) => {
        const seen = parse(Buffer.from((withHeader ? HEADER : '') + pieces.join('')), [3, 1, 50]);
        const ends = seen.filter((line) => line === 'end' || line.startsWith('fault'));
        assert.ok(ends.length <= 1 && (ends.length === 0 || seen.at(-1) === ends[0]), seen.join());
      },
    ),
  );
});
