// Mutations seen red, one each: no bound of the first message; commas written out before equals signs; base64 in a second form.
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { isSamlAnswer, readSamlChallenge, readSamlInitial, writeSamlInitial } from './saml20.ts';
import { readSaslText, writeSaslText } from './sasl-text.ts';
import { isError } from './test-fakes.ts';

const printable = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 200,
});

test('what is written is read back, whatever characters the names have', () => {
  fc.assert(
    fc.property(
      fc.option(
        fc.tuple(
          printable.filter((text) => text !== ''),
          fc.constant(0),
        ),
        { nil: undefined },
      ),
      printable,
      (name, idp) => {
        const initial = { authzid: name?.[0], idp };
        assert.deepEqual(readSamlInitial(writeSamlInitial(initial)), initial);
      },
    ),
  );
});

test('what is read is written back to the octet: there is one form', () => {
  const parts = fc.constantFrom(
    'n',
    'y',
    'p',
    ',',
    'a=',
    '=2C',
    '=3D',
    '=',
    'beta.test',
    'https://idp.test/',
    ' ',
    '\n',
    '\0',
  );
  fc.assert(
    fc.property(
      fc.array(parts, { maxLength: 8 }).map((all) => all.join('')),
      (message) => {
        let initial;
        try {
          initial = readSamlInitial(message);
        } catch (error) {
          return error instanceof Mom4cError && error.code === 'M4C_MALFORMED';
        }
        return writeSamlInitial(initial) === message;
      },
    ),
    { numRuns: 2_000 },
  );
});

test('the messages that GNU SASL sends', () => {
  assert.deepEqual(readSamlInitial('n,a=domaina.test,https://idp.test'), {
    authzid: 'domaina.test',
    idp: 'https://idp.test',
  });
  assert.deepEqual(readSamlInitial('n,,https://idp.test'), { authzid: undefined, idp: 'https://idp.test' });
  assert.deepEqual(readSamlInitial('n,a=a=2Cb=3Dc,'), { authzid: 'a,b=c', idp: '' });
  for (const answer of ['', '=']) assert.ok(isSamlAnswer(answer));
  assert.ok(!isSamlAnswer('PQ=='));
});

for (const message of [
  '',
  'n',
  'n,',
  'n,a=,x',
  'n,b=x,y',
  'y,,x',
  'p=tls-exporter,,x',
  'F,n,,x',
  'n,a=a=2c,x',
  'n,a=a=b,x',
  'n,a=é,x',
  'n,,x y',
  'n,,x\n',
  `n,,${'x'.repeat(2_048)}`,
])
  test(`no first message: ${JSON.stringify(message.slice(0, 20))}`, () => {
    assert.throws(() => readSamlInitial(message), isError('M4C_MALFORMED'));
  });

test('a challenge is an https URL, as it was written', () => {
  fc.assert(
    fc.property(
      fc.webUrl({ validSchemes: ['https'], withQueryParameters: true }),
      (url) => readSamlChallenge(url) === url,
    ),
  );
  for (const text of [
    'http://a.test/',
    'https://',
    'https://a b/',
    'HTTPS://a.test',
    ' https://a.test',
    'https://a.test\0',
  ])
    assert.throws(() => readSamlChallenge(text), isError('M4C_MALFORMED'), text);
});

test('base64 of SASL: what is written is read back; what has two forms is refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (octets) => {
      const message = Buffer.from(octets).toString('latin1');
      return readSaslText(writeSaslText(message)) === message;
    }),
  );
  for (const text of ['P', 'PQ', 'PQ=', 'PQ===', ' PQ==', 'PQ==\n', 'P-==', '==', 'PR=='])
    assert.throws(() => readSaslText(text), isError('M4C_MALFORMED'), text);
  assert.equal(readSaslText('='), '');
  assert.equal(readSaslText(''), '');
});
