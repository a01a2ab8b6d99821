// Mutation seen red: `checkText` without its test lets U+0000 through; `MAX_STANZA_OCTETS` compared with
// `text.length` lets 100,000 CJK characters (300,000 octets) through.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isError } from './test-fakes.ts';
import { serialise, textOf, xml } from './element.ts';

const ILLEGAL = ['\u0000', '\u0008', '\u000B', '\u001F', '\uFFFE', '\uFFFF', '\uD800', 'a\uDC00'];

test('characters that XML 1.0 does not allow are refused in text and attributes', () => {
  for (const text of ILLEGAL) {
    assert.throws(() => xml('a', {}, text), isError('M4C_MALFORMED'));
    assert.throws(() => xml('a', { b: text }), isError('M4C_MALFORMED'));
    const changed = xml('a');
    changed.children.push(text);
    assert.throws(() => serialise(changed), isError('M4C_MALFORMED'));
  }
});

test('any other text is escaped and nothing of it is stripped', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      fc.pre(!/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(text));
      const element = xml('a', { b: text }, text);
      assert.equal(textOf(element), text);
      assert.doesNotMatch(
        serialise(element)
          .slice(3, -4)
          .replaceAll(/<\/a|"\/|">/g, ''),
        /</,
      );
    }),
  );
});

test('names that could smuggle markup are refused', () => {
  for (const name of ['', 'a b', 'a>', '<a', 'a"', '1a', 'a:b:c', 'é'])
    assert.throws(() => xml(name), isError('M4C_MALFORMED'), name);
  assert.throws(() => xml('a', { 'b c': '' }), isError('M4C_MALFORMED'));
});

test('the size is measured in octets', () => {
  assert.doesNotThrow(() => serialise(xml('a', {}, 'a'.repeat(262_000))));
  assert.throws(() => serialise(xml('a', {}, 'a'.repeat(262_144))), isError('M4C_TOO_LARGE'));
  assert.throws(() => serialise(xml('a', {}, '漢'.repeat(100_000))), isError('M4C_TOO_LARGE'));
});
