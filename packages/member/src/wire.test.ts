// Mutations seen red: no check of base64; bits beyond the last octet let pass; taking a payload without a signature.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import { xml } from '@mom4c/xmpp';
import { letterIn, lettersElements } from './wire.ts';

const octets = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((array) => Buffer.from(array));
const code = (wanted: string) => (thrown: unknown) => thrown instanceof Mom4cError && thrown.code === wanted;

test('letters survive the way through a stanza', () => {
  fc.assert(
    fc.property(octets, octets, (first, second) => {
      const sealed = { kind: 'sealed' as const, sealed: first };
      assert.deepEqual(letterIn(xml('message', {}, ...lettersElements(sealed))), sealed);
      const signed = { kind: 'signed' as const, content: first, signature: second };
      assert.deepEqual(letterIn(xml('presence', {}, ...lettersElements(signed))), signed);
    }),
  );
});

test('no letter, no signature, no base64', () => {
  assert.equal(letterIn(xml('message', {}, xml('body', {}, 'hello'))), undefined);
  const payload = xml('payload', { xmlns: 'urn:mom4c:payload:1' }, 'AAAA');
  assert.throws(() => letterIn(xml('presence', {}, payload)), code('M4C_NOT_SIGNED'));
  for (const text of [
    '',
    'A',
    'AAA',
    'AA A',
    'A===',
    '=AAA',
    'AAAA\n',
    '<>&!',
    'ÄÖÜß',
    'AA-_',
    'AB==',
    'AAB=',
  ])
    assert.throws(
      () => letterIn(xml('message', {}, xml('x', { xmlns: 'jabber:x:encrypted' }, text))),
      code('M4C_MALFORMED'),
      JSON.stringify(text),
    );
});
