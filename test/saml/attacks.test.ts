// Mutation seen red: the form of a signature not checked; IDs not unique, or only as `ID`; a reference to another element let
// pass; an Object in a signature let pass; further assertions let pass; the signature of the response not looked at.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mom4cError } from '@mom4c/core';
import { readResponse } from '@mom4c/saml';
import {
  CLAIMS as WRONG_CLAIMS,
  MARKUP,
  SIGNATURES,
  WRAPPING,
  type SamlTarget,
} from '../support/saml-attacks.ts';
import { honestResponse } from '../support/saml-forge.ts';
import { CLAIMS, expectedFrom } from './relying-party.ts';
import { testKey } from './test-keys.ts';

const idp = await testKey();
const target: SamlTarget = { claims: CLAIMS, idp, own: await testKey(), self: 'evil.test' };
const expected = expectedFrom(idp.certificatePem);
const families = { wrapping: WRAPPING, signature: SIGNATURES, markup: MARKUP, claims: WRONG_CLAIMS };

for (const [family, attacks] of Object.entries(families))
  for (const { name, code, make } of attacks)
    test(`${family}: ${name}`, () => {
      assert.equal(
        readResponse(honestResponse(CLAIMS, idp), expected).subject,
        'alpha.test',
        'the honest twin',
      );
      assert.throws(
        () => readResponse(make(target), expected),
        (thrown) => thrown instanceof Mom4cError && thrown.code === code,
      );
    });

test('what is wrapped into a signed response is refused as well', () => {
  const signed = honestResponse(CLAIMS, idp, { signResponse: true });
  assert.equal(readResponse(signed, expected).subject, 'alpha.test', 'the honest twin');
  const evil = honestResponse({ ...CLAIMS, assertionId: '_evil' }, target.own).replace(
    /^<samlp:Response[^>]*>|<\/samlp:Response>$/g,
    '',
  );
  for (const [place, text] of [
    ['in front of the assertion', signed.replace('<saml:Assertion', `${evil}<saml:Assertion`)],
    ['behind it', signed.replace('</samlp:Response>', `${evil}</samlp:Response>`)],
    ['in its signature', signed.replace('</ds:Signature>', `<ds:Object>${evil}</ds:Object></ds:Signature>`)],
  ] as const)
    assert.throws(
      () => readResponse(text, expected),
      (thrown) => thrown instanceof Mom4cError && /^M4C_ASSERTION_(SIGNATURE|MALFORMED)$/.test(thrown.code),
      place,
    );
});
