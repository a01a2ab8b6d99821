// Mutations seen red, one each: attributes not compared by their namespaces; the content namespace left in; the reserved
// prefixes not looked at; what is bound further out forgotten where something is bound (by prefix, by namespace).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Element } from './element.ts';
import { standAlone } from './stand-alone.ts';
import { createStanzaParser } from './stanza-parser.ts';
import { isError } from './test-fakes.ts';

/** A stanza as it comes out of the parser, on a stream with these attributes. */
function parsed(stanza: string, root = ''): Element {
  const found: Element[] = [];
  const parser = createStanzaParser({
    header() {},
    element: (element) => void found.push(element),
    dropped: assert.fail,
    end: assert.fail,
    fault: assert.fail,
  });
  parser.write(Buffer.from(`<s:stream xmlns='jabber:server' xmlns:s='urn:stream' ${root}>${stanza}`));
  assert.equal(found.length, 1);
  return found[0]!;
}

const CHANGED: readonly (readonly [what: string, root: string, stanza: string, result: string])[] = [
  [
    'nothing',
    '',
    '<message to="a"><b xmlns="urn:b"/></message>',
    '<message to="a"><b xmlns="urn:b"/></message>',
  ],
  [
    'a prefix that the stream has bound',
    "xmlns:p='urn:p'",
    '<message><p:x p:y="1"/></message>',
    '<message xmlns:p="urn:p"><p:x p:y="1"/></message>',
  ],
  [
    'a prefix that is bound inside',
    "xmlns:p='urn:p'",
    '<message><x xmlns:p="urn:own" p:y="1"/></message>',
    '<message><x xmlns:p="urn:own" p:y="1"/></message>',
  ],
  [
    'a prefix that is bound inside of one child and used by its sibling',
    "xmlns:p='urn:p'",
    '<message><x xmlns:p="urn:own"/><p:x/></message>',
    '<message xmlns:p="urn:p"><x xmlns:p="urn:own"/><p:x/></message>',
  ],
  [
    'a prefix that is bound further out, below something that binds another',
    "xmlns:p='urn:p'",
    '<message><x xmlns:p="urn:own"><y xmlns:q="urn:q"><p:z q:a="1"/></y></x></message>',
    '<message><x xmlns:p="urn:own"><y xmlns:q="urn:q"><p:z q:a="1"/></y></x></message>',
  ],
  ['a language', '', '<message xml:lang="de"/>', '<message xml:lang="de"/>'],
  [
    "the stream's own namespace",
    '',
    '<message xmlns="jabber:server"><body xmlns="jabber:client">x</body></message>',
    '<message><body>x</body></message>',
  ],
  [
    'a stanza inside of something else',
    '',
    '<message><f xmlns="urn:f"><message xmlns="jabber:client"/></f></message>',
    '<message><f xmlns="urn:f"><message xmlns="jabber:client"/></f></message>',
  ],
];

for (const [what, root, stanza, result] of CHANGED)
  test(`it stands alone: ${what}`, () => {
    assert.equal(standAlone(parsed(stanza, root)).toString(), result);
  });

const REFUSED: readonly (readonly [what: string, root: string, stanza: string])[] = [
  ['an element with an unbound prefix', '', '<message><p:x/></message>'],
  ['an attribute with an unbound prefix', '', '<message p:x="1"/>'],
  ['a binding of nothing', '', '<message xmlns:p=""/>'],
  ['a binding of nothing by the stream', "xmlns:p=''", '<message><p:x/></message>'],
  ['xml bound to something else', '', '<message xmlns:xml="urn:x"/>'],
  ['something else bound to xml', '', '<message xmlns:p="http://www.w3.org/XML/1998/namespace"/>'],
  ['xml as default', '', '<message><x xmlns="http://www.w3.org/XML/1998/namespace"/></message>'],
  ['xmlns bound', '', '<message xmlns:xmlns="urn:x"/>'],
  ['its namespace bound', '', '<message xmlns:p="http://www.w3.org/2000/xmlns/"/>'],
  ['an element in xmlns', '', '<message><xmlns:x/></message>'],
  ['an attribute twice by its namespace', '', '<message xmlns:a="u" xmlns:b="u" a:x="1" b:x="2"/>'],
  [
    'an attribute twice, with prefixes of two elements',
    '',
    '<message xmlns:a="u"><x xmlns:b="u" a:x="1" b:x="2"/></message>',
  ],
  ['two colons', '', '<message xmlns:a="u"><a:b:c/></message>'],
  ['a colon before nothing', '', '<message xmlns:a="u"><a:/></message>'],
  ['a colon behind nothing', '', '<message><:a/></message>'],
  ['a digit in front', '', '<message><1a/></message>'],
  ['an attribute with a quote', '', `<message a"b="1"/>`],
  ['an ampersand in a name', '', '<message><a&b/></message>'],
];

for (const [what, root, stanza] of REFUSED)
  test(`it cannot: ${what}`, () => {
    assert.throws(() => standAlone(parsed(stanza, root)), isError('M4C_MALFORMED'));
  });
