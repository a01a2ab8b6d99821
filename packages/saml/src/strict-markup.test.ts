// Mutation seen red: a second root let pass; an attribute twice let pass; names that begin with xml let pass; references to
// characters that XML does not have let pass; no limit of depth; prefixes in scope for ever; any end tag for any start.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DOMParser, XMLSerializer } from '@xmldom/xmldom';
import fc from 'fast-check';
import { checkMarkup, type Span } from './strict-markup.ts';

const LIMITS = { depth: 4, elements: 8, attributes: 3 };
const check = (text: string): readonly Span[] => checkMarkup(text, LIMITS);
const inside = (text: string): string => `<a xmlns="urn:a">${text}</a>`;

test('elements, attributes, text, references and a declaration are accepted', () => {
  for (const text of [
    '<a xmlns="urn:a"/>',
    `<?xml version="1.0" encoding="UTF-8"?>\n<a:b xmlns:a='urn:a' a:c = "1"  d='"' ></a:b >\n`,
    inside('t &amp;&lt;&gt;&quot;&apos;&#10;&#x1F600; \u6f22 \u{1F600} > "'),
    inside('<b xml:lang="en" xml:space="preserve"/>'),
    inside('<p:b xmlns:p="urn:p"><p:c/></p:b><p:b xmlns:p="urn:q" p:x="" x=""/>'),
  ])
    assert.doesNotThrow(() => check(text), text);
});

test('nothing else is', () => {
  for (const text of [
    '',
    ' ',
    'a',
    '<a/>',
    '<a xmlns="urn:a">',
    '<a xmlns="urn:a"></b>',
    '</a>',
    '<a xmlns="urn:a"/><a xmlns="urn:a"/>',
    '<a xmlns="urn:a"/>x',
    'x<a xmlns="urn:a"/>',
    '\ufeff<a xmlns="urn:a"/>',
    '<a xmlns="urn:a" xmlns="urn:a"/>',
    '<?xml version="1.1"?><a xmlns="urn:a"/>',
    '<?xml version="1.0"?><?xml version="1.0"?><a xmlns="urn:a"/>',
    ' <?xml version="1.0"?><a xmlns="urn:a"/>',
    '<!DOCTYPE a><a xmlns="urn:a"/>',
    ...[
      '<!-- -->',
      '<?b?>',
      '<![CDATA[]]>',
      ']]>',
      '&b;',
      '&',
      '&#0;',
      '&#x110000;',
      '&#xD800;',
      '&#xFFFE;',
      '\0',
      '\x1f',
      '\ud800',
      '\uffff',
      '<b c/>',
      '<b c=d/>',
      '<b c="<"/>',
      '<b c="&d;"/>',
      '<b c=""d=""/>',
      '<b c="" c=""/>',
      '<b xmlns:p="urn:p" xmlns:q="urn:p" p:c="" q:c=""/>',
      '<b xmlns:p=""/>',
      '<b xmlns=""/>',
      '<b xmlns:xml="http://www.w3.org/XML/1998/namespace"/>',
      '<b xmlns:p="http://www.w3.org/XML/1998/namespace"/>',
      '<b xmlns:xmlns="urn:b"/>',
      '<b xmlns:p="http://www.w3.org/2000/xmlns/"/>',
      '<b xmlns:p="&#x75;rn:b"/>',
      '<b xmlnsp="urn:b"/>',
      '<b xml:id="b"/>',
      '<b XML:lang="b"/>',
      '<p:b/>',
      '<b p:c=""/>',
      '<p:b xmlns:p="urn:p"/><p:b/>',
      '<b:c:d xmlns:b="urn:b"/>',
      '<:b/>',
      '< b/>',
      '<\u00e9/>',
      '<b',
      '<b/ >',
      '<b / >',
    ].map(inside),
  ])
    assert.throws(() => check(text), Error, JSON.stringify(text));
});

test('each limit holds, and lets pass what is just below', () => {
  const nested = (depth: number): string => inside('<b>'.repeat(depth - 1) + '</b>'.repeat(depth - 1));
  const many = (elements: number): string => inside('<b/>'.repeat(elements - 1));
  const wide = (attributes: number): string =>
    inside(`<b ${Array.from({ length: attributes }, (_, at) => `a${at}=""`).join(' ')}/>`);
  for (const [make, limit] of [
    [nested, LIMITS.depth],
    [many, LIMITS.elements],
    [wide, LIMITS.attributes],
  ] as const) {
    assert.doesNotThrow(() => check(make(limit)));
    assert.throws(() => check(make(limit + 1)), /deeper than|more than/);
  }
});

test('where each element stands', () => {
  const text = inside('1<b>2<c/></b>3');
  const cut = check(text).map(({ start, end }) => text.slice(start, end));
  assert.deepEqual(cut, [text, '<b>2<c/></b>', '<c/>']);
});

const content = fc.letrec<{ text: string; element: string; node: string }>((tie) => ({
  text: fc
    .stringMatching(/^[a-z&<>"' \u00e9\u6f22]{0,8}$/)
    .map((raw) => raw.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)),
  element: fc
    .tuple(
      fc.constantFrom('b', 'c:d'),
      fc.uniqueArray(fc.constantFrom('x="1"', "y='2'", 'c:x="&amp;"'), { maxLength: 3 }),
      fc.array(tie('node'), { maxLength: 2 }),
    )
    .map(
      ([name, attributes, nodes]) =>
        `<${name}${attributes.map((each) => ` ${each}`).join('')}>${nodes.join('')}</${name}>`,
    ),
  node: fc.oneof({ maxDepth: 2 }, tie('text'), tie('element')),
})).node;

test('what is accepted a parser reads without a word, and as many elements as were counted', () => {
  fc.assert(
    fc.property(
      content,
      fc.nat(),
      fc.constantFrom('<', '>', '&', '"', '/', ' ', 'x'),
      fc.boolean(),
      (node, at, noise, spoil) => {
        const whole = `<a xmlns="urn:a" xmlns:c="urn:c">${node}</a>`;
        const place = at % whole.length;
        const text = spoil ? whole.slice(0, place) + noise + whole.slice(place + 1) : whole;
        let spans: readonly Span[];
        try {
          spans = checkMarkup(text, { depth: 20, elements: 100, attributes: 9 });
        } catch (thrown) {
          assert.ok(spoil, `${text}: ${String(thrown)}`);
          return;
        }
        const onError = (level: string, message: string): never => assert.fail(`${level}: ${message}`);
        const document = new DOMParser({ onError }).parseFromString(text, 'text/xml');
        assert.equal(document.getElementsByTagName('*').length, spans.length);
        assert.ok(new XMLSerializer().serializeToString(document).length > 0);
      },
    ),
  );
});
