// Mutation seen red: no limit to what is inflated; parameters twice let pass; octets that are no UTF-8 let pass; a user in
// the URL let pass; other attributes, other elements or attributes of the issuer taken; any time taken.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateRawSync, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { Mom4cError } from '@mom4c/core';
import {
  readAuthnRequest,
  readRedirect,
  redirectUrl,
  writeAuthnRequest,
  type AuthnRequest,
} from './authn-request.ts';

const REQUEST: AuthnRequest = {
  id: '_a1',
  issueInstant: Date.UTC(2026, 2, 1),
  issuer: 'https://gateway.beta.test/sp?a=1&b="2"',
  destination: 'https://idp.test/sso',
  consumerUrl: 'https://gateway.beta.test/acs',
  binding: 'post',
};
const isAnswer = (thrown: unknown): boolean =>
  thrown instanceof Mom4cError && thrown.code === 'M4C_IDP_ANSWER';

test('what is written is read, by both bindings', () => {
  for (const binding of ['post', 'paos'] as const)
    assert.deepEqual(readAuthnRequest(writeAuthnRequest({ ...REQUEST, binding })), { ...REQUEST, binding });
});

test('a request that is not of this form is refused', () => {
  const honest = writeAuthnRequest(REQUEST);
  for (const [from, to] of [
    ['Version="2.0"', 'Version="1.1"'],
    ['ID="_a1"', 'ID="1"'],
    [/ IssueInstant="[^"]*"/, ''],
    [/ Destination="[^"]*"/, ''],
    [/ AssertionConsumerServiceURL="[^"]*"/, ' AssertionConsumerServiceIndex="0"'],
    ['bindings:HTTP-POST', 'bindings:HTTP-Artifact'],
    [/<saml:Issuer.*<\/saml:Issuer>/, ''],
    [/(<saml:Issuer.*<\/saml:Issuer>)/, '$1$1'],
    ['samlp:AuthnRequest ', 'samlp:LogoutRequest '],
  ] as const) {
    const changed = honest.replace(from, to);
    assert.notEqual(changed, honest);
    assert.throws(() => readAuthnRequest(changed), isAnswer, String(from));
  }
});

test('a request that has the identity provider refuse the user is refused first', () => {
  const honest = writeAuthnRequest(REQUEST);
  const inside = (markup: string) => (text: string) => text.replace('</samlp:AuthnRequest>', `${markup}$&`);
  const root = (attribute: string) => (text: string) => text.replace(' ID=', ` ${attribute}$&`);
  for (const spoil of [
    root('ForceAuthn="true"'),
    root('IsPassive="true"'),
    root('Consent="x"'),
    root('xmlns:x="urn:x" x:ID="_b"'),
    inside('<samlp:NameIDPolicy Format="urn:none"/>'),
    inside('<samlp:RequestedAuthnContext/>'),
    inside('<saml:Subject xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>'),
    (text: string) => text.replace('<saml:Issuer ', '$&Format="urn:none" '),
  ]) {
    const spoilt = spoil(honest);
    assert.notEqual(spoilt, honest);
    assert.throws(() => readAuthnRequest(spoilt), isAnswer, spoilt);
  }
  readAuthnRequest(root('xmlns="urn:x" xmlns:x="urn:x"')(honest));
});

test('a request of another time is refused where there is a clock', () => {
  const honest = writeAuthnRequest(REQUEST);
  for (const late of [-1000, 0, 1000])
    readAuthnRequest(honest, { now: REQUEST.issueInstant + late, skewMs: 1000 });
  for (const late of [-1001, 1001])
    assert.throws(
      () => readAuthnRequest(honest, { now: REQUEST.issueInstant + late, skewMs: 1000 }),
      isAnswer,
    );
});

test('by redirect and back, with a query of the identity provider itself', () => {
  const request = writeAuthnRequest(REQUEST);
  for (const sso of ['https://idp.test/sso', 'https://idp.test/sso?x=1'])
    assert.deepEqual(readRedirect(redirectUrl(sso, request, 'r&=+/ ')), {
      sso,
      request,
      relayState: 'r&=+/ ',
    });
});

test('an instant before 2000 or a text beyond ASCII comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (issuer) => {
      // U+FFFD is what an encoding gone wrong leaves behind; nobody reads on there.
      fc.pre(/^\S(.*\S)?$/u.test(issuer) && !/[\p{C}\ufffd]/u.test(issuer));
      assert.equal(readAuthnRequest(writeAuthnRequest({ ...REQUEST, issuer })).issuer, issuer);
    }),
  );
  const broken = writeAuthnRequest({ ...REQUEST, issuer: '\ufffd' });
  assert.throws(() => readAuthnRequest(broken), isAnswer);
});

test('more relay state than SAML allows is not sent', () => {
  assert.throws(() => redirectUrl('https://idp.test/', '<a/>', 'x'.repeat(81)), /80 octets/);
});

test('a redirect of another form is refused, and a bomb does not go off', () => {
  const encode = (octets: Buffer): string => encodeURIComponent(octets.toString('base64'));
  const honest = encode(deflateRawSync(writeAuthnRequest(REQUEST)));
  assert.equal(readRedirect(`https://idp.test/sso?SAMLRequest=${honest}`).relayState, undefined);
  for (const url of [
    'no URL',
    'https://idp.test/sso',
    `http://idp.test/sso?SAMLRequest=${honest}`,
    `https://user@idp.test/sso?SAMLRequest=${honest}`,
    `https://idp.test/sso?SAMLRequest=${honest}&SAMLRequest=${honest}`,
    `https://idp.test/sso?SAMLRequest=${honest}&RelayState=a&RelayState=b`,
    'https://idp.test/sso?SAMLRequest=',
    'https://idp.test/sso?SAMLRequest=%3Ca/%3E',
    `https://idp.test/sso?SAMLRequest=${encode(deflateSync('<a/>'))}`,
    `https://idp.test/sso?SAMLRequest=${encode(deflateRawSync(Buffer.of(0xff, 0xfe)))}`,
    `https://idp.test/sso?SAMLRequest=${encode(deflateRawSync(Buffer.alloc(5_000_000, 0x20)))}`,
    `https://idp.test/sso?SAMLRequest=${'A'.repeat(100_000)}`,
  ])
    assert.throws(() => readRedirect(url), isAnswer, url.slice(0, 80));
});
